#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What nothing here can run is read by those who know its form: the Kubernetes objects by the schemas of several versions
# (kubernetes-validate), compose.yaml by docker-compose, the balancer's file by HAProxy, the SBOMs by SPDX's own library. Fetches the two
# Python packages. usage: deploy.sh IMAGES (a directory of tools/image.sh)
set -eu
cd "$(dirname "$0")/../.."
images=$(realpath "$1")
venv=tests/packages/.venv
wanted="kubernetes-validate==1.37.0 spdx-tools==0.8.5"
if [ "$(cat $venv/stamp 2>/dev/null || true)" != "$wanted" ]; then
    rm -rf $venv
    python3 -m venv $venv
    # shellcheck disable=SC2086
    $venv/bin/pip install --quiet --disable-pip-version-check --only-binary :all: $wanted
    echo "$wanted" >$venv/stamp
fi
echo "== examples/kubernetes"
for version in 1.29 1.33 1.37; do
    $venv/bin/kubernetes-validate --quiet --strict --kubernetes-version "$version" examples/kubernetes/*.yaml
done
echo "== examples/compose.yaml"
for name in $(grep -o '{[A-Z_]*:?}' examples/compose.yaml | tr -d '{:?}' | sort -u); do export "$name=x"; done
docker-compose -f examples/compose.yaml config -q
[ "$(docker-compose -f examples/compose.yaml config --services | grep -c '^sluice-')" = 3 ] || { echo "not three gateways" >&2; exit 1; }
haproxy -c -q -f examples/compose/haproxy.cfg
echo "== SBOMs"
for sbom in "$images"/*.spdx.json; do $venv/bin/pyspdxtools -i "$sbom"; done
echo "== what is to be deployed has the form that it must have"
