#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make install` into an empty folder: what must be there is, the programs run from there, the unit and the configuration name what was
# installed, the manual pages have no fault, and the shells complete. usage: install.sh BUILD
set -eu
cd "$(dirname "$0")/../.."
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "FAILED: $*" >&2
    exit 1
}
DESTDIR=$work meson install -C "$build" --no-rebuild --quiet
prefix=$(meson introspect "$build" --buildoptions | python3 -c 'import json, sys; print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
to=$work$prefix
for file in bin/sluice libexec/sluice/sluice-client lib/systemd/system/sluice.service lib/systemd/system/sluice.socket lib/sysusers.d/sluice.conf \
    share/sluice/sluice.schema.json share/man/man1/sluice.1 share/man/man3/libsluice.3 share/man/man5/sluice.yaml.5 share/bash-completion/completions/sluice \
    share/zsh/site-functions/_sluice share/fish/vendor_completions.d/sluice.fish share/doc/sluice/README.md share/doc/sluice/configuration.md \
    share/doc/sluice/examples/sluice.yaml share/doc/sluice/examples/openai.yaml share/doc/sluice/examples/compose.yaml share/doc/sluice/examples/kubernetes/sluice.yaml \
    share/doc/sluice/examples/client/query.c include/sluice/client.h; do
    [ -s "$to/$file" ] || fail "there is no $file"
done
[ -z "$(find "$work" -mindepth 1 -maxdepth 1 -not -path "$work/${prefix#/}*" -not -name "$(echo "${prefix#/}" | cut -d/ -f1)")" ] || fail "something is outside of the prefix"
"$to/bin/sluice" version | grep -q "^sluice $(cat VERSION)$" || fail "the daemon does not run"
"$to/bin/sluice" query chat hello --server http://127.0.0.1:1 --retries 0 >"$work/said" 2>&1 && fail "a query without a gateway"
grep -q "is a gateway running at" "$work/said" || fail "the client does not run: $(cat "$work/said")"

grep -q "@[a-z]*@" "$to/lib/systemd/system/sluice.service" "$to/share/doc/sluice/examples/sluice.yaml" && fail "a place was not filled in"

# What names a place names one that is there.
for place in $(sed -n 's/^Exec[A-Za-z]*=\([^ ]*sluice\) .*/\1/p' "$to/lib/systemd/system/sluice.service") \
    "$(sed -n '1s/.*schema=//p' "$to/share/doc/sluice/examples/sluice.yaml")" "$(sed -n 's|^Documentation=.*file://||p' "$to/lib/systemd/system/sluice.service")"; do
    [ -e "$work$place" ] || fail "$place is named and is not there"
done
"$to/bin/sluice" check --strict -c "$to/share/doc/sluice/examples/sluice.yaml" || fail "the example is not valid"

for page in "$to"/share/man/man1/sluice.1 "$to"/share/man/man5/sluice.yaml.5; do
    faults=$(groff -K utf8 -man -Tutf8 -ww -z "$page" 2>&1)
    [ -z "$faults" ] || fail "$page: $faults"
done
groff -K utf8 -man -Tascii "$to/share/man/man5/sluice.yaml.5" | sed 's/.\x08//g; s/\x1b\[[0-9;]*m//g' >"$work/page"
for key in server.listen upstream.timeouts.first_byte sluice.hedge.after openai_api_key SLUICE_CONFIG; do
    grep -q "$key" "$work/page" || fail "sluice.yaml(5) lacks $key"
done

# Each shell is asked what may stand at the cursor.
PATH=$to/bin:$PATH
said() { # shell, what it must offer, words
    grep -qx -- "$2" "$work/$1" || fail "$1 completes '$3' with: $(tr '\n' ' ' <"$work/$1")"
}
in_bash() {
    bash --norc -c '. "$1"; COMP_WORDS=($2 "$3"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _sluice; printf "%s\n" "${COMPREPLY[@]}"' bash "$to/share/bash-completion/completions/sluice" "$1" "$2" >"$work/bash"
}
in_fish() {
    fish --no-config -c "source $to/share/fish/vendor_completions.d/sluice.fish; complete -C '$1 $2'" 2>/dev/null | cut -f1 >"$work/fish"
}
in_zsh() { # what compadd is told, which picks those that begin as the word at the cursor
    zsh -f -c '
        fpath=($1 $fpath); autoload -Uz compinit; compinit -D -u
        out=$4
        compadd() { [[ $1 = -- ]] && shift; print -rl -- "$@" >$out }
        words=(${=2} "$3"); CURRENT=${#words}; PREFIX=$3
        autoload -Uz _sluice; _sluice; [[ $_comps[sluice] = _sluice ]] || print "not registered" >$out' zsh "$to/share/zsh/site-functions" "$1" "$2" "$work/zsh.all"
    grep -- "^$2" "$work/zsh.all" >"$work/zsh" || true
}
for shell in bash zsh fish; do
    "in_$shell" "sluice" "ser"
    said $shell serve "sluice ser"
    "in_$shell" "sluice routes" "li"
    said $shell list "sluice routes li"
    "in_$shell" "sluice serve" "--conf"
    said $shell --config "sluice serve --conf"
done
echo "== make install brings all of it"
