#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads the #include graph of src/ and fails on an arrow that points upwards (docs/architecture.md): between layers,
between the folders of one, on a circle inside of gate or llm, calls counted too, and on .c files of gate that mostly
read many of our headers."""
import pathlib
import re
import statistics
import sys

MAY_INCLUDE = {
    "base": set(),
    "json": {"base"},
    "jose": {"json", "base"},
    "wire": {"base"},
    "conf": {"base"},
    "net": {"base"},
    "http": {"net", "wire", "base"},
    "redis": {"net", "wire", "base"},
    "llm": {"json", "wire", "base"},
    "store": {"base"},
    "log": {"base"},
    "gate": {"llm", "jose", "http", "redis", "store", "log", "json", "wire", "net", "conf", "base"},
    "daemon": {"cli", "gate", "llm", "http", "redis", "store", "log", "json", "wire", "net", "conf", "base"},
    "client": {"json", "wire", "base"},
    "cli": {"conf", "base"},
}
# Libraries that only one folder may know.
ONLY_IN = {"sqlite3.h": "store/sqlite", "libpq-fe.h": "store/postgres", "cjose/cjose.h": "jose"}
SYSTEM = re.compile(r'^\s*#\s*include\s+<([^>]+)>', re.M)
# Within a layer: what a folder (or file) never includes. The longest match of the left side counts.
NEVER = {
    "gate/policy/": ("gate/call/", "gate/api/", "gate/config/", "llm/", "gate/worker", "gate/gate.h"),
    "gate/fleet/": ("gate/call/", "gate/api/", "gate/config/", "gate/worker", "gate/gate.h"),
    "gate/watch/": ("gate/call/", "gate/api/", "gate/worker"),
    "gate/config/": ("gate/call/", "gate/api/", "gate/worker"),
    "gate/call/": ("gate/api/", "llm/dialects.h", "llm/providers/"),
    "gate/worker": ("gate/call/", "gate/api/"),
    "gate/gate.h": ("gate/call/", "gate/api/", "gate/worker"),
    "gate/desk.h": ("gate/call/", "gate/api/", "gate/worker"),
}
# The folders of llm: which others each may include. A folder that is not here is a language, and providers may include all.
LLM_MAY = {
    "core": set(),
    "chat": {"core"},
    "form": {"chat", "core"},
    "sign": {"core"},
    "price": {"core"},
    "providers": None,
}
LLM_LANGUAGE_MAY = {"openai", "form", "chat", "price", "core"}
# The gate has no names of providers and dialects, except for resources of their APIs.
NAMES = re.compile(r"anthropic|openai|mlflow|gemini|bedrock|cohere|databricks|vertex", re.I)
NAMELESS = "gate/"
NAMED = "gate/api/"
CIRCLELESS = ("gate/", "llm/")
COMMENT = re.compile(r"/\*.*?\*/", re.S)
DEFINITION = re.compile(r"^(?!static)[A-Za-z_][\w \*]*?\b(sl_\w+)\([^;{]*\)\n\{", re.M)
CALL = re.compile(r"\b(sl_\w+)\(")
# The table of commands names the functions of both programs.
ALSO = {"cli/commands.c": {"daemon"}}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
LONG = 600
# The most own headers that the median .c of a folder reads, with those that they include.
REACH_MAX = {"gate/": 15}


def room(name):
    return name.rsplit(".", 1)[0]


def circles(graph):
    """Tarjan's strongly connected components with more than one member."""
    index, low, stack, found = {}, {}, [], []

    def visit(v):
        index[v] = low[v] = len(index)
        stack.append(v)
        for w in graph.get(v, ()):
            if w not in index:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in stack:
                low[v] = min(low[v], index[w])
        if low[v] == index[v]:
            at = stack.index(v)
            circle = stack[at:]
            del stack[at:]
            if len(circle) > 1:
                found.append(sorted(circle))

    for v in sorted(graph):
        if v not in index:
            visit(v)
    return found


def graph_of(files, prefix):
    owner = {d: name for name, text in files.items() if name.endswith(".c") for d in DEFINITION.findall(text)}
    graph = {}
    for name, text in files.items():
        if not name.startswith(prefix):
            continue
        to = {room(i) for i in INCLUDE.findall(text) if i in files and i.startswith(prefix)}
        if name.endswith(".c"):
            to |= {room(owner[c]) for c in CALL.findall(text) if owner.get(c, "").startswith(prefix)}
        graph.setdefault(room(name), set()).update(to - {room(name)})
    return graph


def others_of_llm(name, text):
    """The faults of a file in a folder of llm."""
    folder = re.compile(r"llm/(\w+)/")
    own = folder.match(name)
    may = LLM_MAY.get(own[1], LLM_LANGUAGE_MAY) if own else None
    for include in INCLUDE.findall(text):
        to = folder.match(include)
        if may is not None and to and to[1] not in may | {own[1]}:
            yield f"llm/{own[1]} must not include {include}"


def faults_of_folders(files):
    for name, text in files.items():
        rules = max((k for k in NEVER if name.startswith(k)), key=len, default=None)
        for include in INCLUDE.findall(text):
            if rules and include.startswith(NEVER[rules]):
                yield f"src/{name}: {rules} must not include {include}"
        if name.startswith(NAMELESS) and not name.startswith(NAMED):
            for number, line in enumerate(COMMENT.sub(lambda m: "\n" * m[0].count("\n"), text).split("\n"), 1):
                if NAMES.search(line):
                    yield f"src/{name}:{number}: names a provider or a dialect: {line.strip()}"
        for other in others_of_llm(name, text):
            yield f"src/{name}: {other}"
    for prefix in CIRCLELESS:
        for circle in circles(graph_of(files, prefix)):
            yield "circle: " + ", ".join(circle)


def reach(includes, name):
    seen, todo = set(), [name]
    while todo:
        new = set(includes[todo.pop()]) - seen
        seen |= new
        todo += new
    return seen


def faults_of_reach(files):
    includes = {name: [i for i in INCLUDE.findall(text) if i in files] for name, text in files.items()}
    for prefix, most in REACH_MAX.items():
        sizes = {n: len(reach(includes, n)) for n in files if n.startswith(prefix) and n.endswith(".c")}
        median = statistics.median_low(sizes.values())  # half of the files may have more
        if median > most:
            near = sorted((n for n in sizes if sizes[n] > most), key=sizes.get)[:5]
            yield (f"the median .c of src/{prefix} reads {median:g} headers, at most {most}: name by `struct x;` what "
                   f"is only pointed to; just above: " + ", ".join(f"{n} ({sizes[n]})" for n in near))


def main():
    root = pathlib.Path(__file__).resolve().parent.parent / "src"
    bad = 0
    sizes = []
    files = {}
    for path in sorted(root.rglob("*.[ch]")):
        layer = path.relative_to(root).parts[0]
        text = path.read_text()
        files[str(path.relative_to(root))] = text
        sizes.append((text.count("\n"), path.relative_to(root)))
        for name in SYSTEM.findall(text):
            if name in ONLY_IN and not path.is_relative_to(root / ONLY_IN[name]):
                print(f"{path}: only {ONLY_IN[name]} may include <{name}>")
                bad += 1
        for name in INCLUDE.findall(text):
            other = name.split("/")[0]
            if name.startswith("store/sqlite/") and path.parent != root / "store/sqlite" and path.name != "kinds.c":
                print(f"{path}: only the table of kinds may include {name}")
                bad += 1
            if "/" in name and other != layer and other in MAY_INCLUDE and other not in MAY_INCLUDE[layer] | ALSO.get(str(path.relative_to(root)), set()):
                print(f"{path}: layer {layer} must not include {name}")
                bad += 1
        if path.suffix == ".h" and "#ifndef SL_" not in text and "#ifndef SLUICE_" not in text:
            print(f"{path}: no include guard")
            bad += 1
    for fault in [*faults_of_folders(files), *faults_of_reach(files)]:
        print(fault)
        bad += 1
    for lines, path in sorted(sizes, reverse=True)[:3]:
        if lines > LONG:
            print(f"note: {path} has {lines} lines")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
