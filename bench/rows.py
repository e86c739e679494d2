# SPDX-License-Identifier: Apache-2.0
"""What is measured, and the limit (bar) that each figure must keep. A `Task` makes the figures of one or more `Bar`s
from one measurement. To add a row: write a function that takes the `Bench` and returns a `Figure` for each of its bars,
and put a `Task` into TASKS."""
from __future__ import annotations

import http.client
import json
import os
import pathlib
import random
import statistics
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

import dialects
import workload
from harness import BenchError, Gateway, HeldStreams, Redis, Upstream, measure
from subjects import SLUICE_ASKED, SLUICE_LEASED, SLUICE_LIMITS, SLUICE_PRICES, Haproxy, Nginx, Subject
from workload import MIB


@dataclass(frozen=True)
class Bar:
    name: str
    what: str
    limit: float | None  # the figure must not be above it; None: for information
    unit: str


@dataclass
class Figure:
    value: float
    note: str  # the absolute numbers behind it, in one line
    detail: dict = field(default_factory=dict)  # all details, for results.json


class NotApplicable(Exception):
    """The subject cannot do this work at all (only for yardsticks in Sluice's place)."""


@dataclass(frozen=True)
class Task:
    name: str
    bars: tuple[Bar, ...]
    run: Callable[[Bench], dict[str, Figure]]


@dataclass
class Bench:
    """What a task gets: the programs, a folder of its own, and how long to measure."""

    subject: Subject
    nginx: Nginx
    haproxy: Haproxy
    tools: pathlib.Path
    build: pathlib.Path
    folder: pathlib.Path
    cert: pathlib.Path
    key: pathlib.Path
    quick: bool

    @property
    def rounds(self) -> int:
        return 3 if self.quick else 7

    def count(self, requests: int, least: int = 10) -> int:
        return max(requests // 10, least) if self.quick else requests

    def upstream(self, stack: ExitStack, **options) -> Upstream:
        upstream = Upstream(self.tools, **options)
        stack.callback(upstream.stop)
        return upstream

    def start(self, stack: ExitStack, subject: Subject, upstream: Upstream, **options) -> Gateway:
        ca = self.cert if upstream.tls else None
        if ca and not subject.can_tls:
            raise NotApplicable
        gateway = subject.start(self.folder, upstream.port, ca, **options)
        stack.callback(gateway.stop)
        return gateway

    def need_sluice(self) -> None:
        if self.subject.name != "sluice":
            raise NotApplicable


def median(values) -> float:
    return statistics.median(values)


@dataclass(frozen=True)
class Call:
    """A request, and what makes a reply to it good, given the upstream's own reply."""

    request: bytes
    check: Callable[[bytes, bytes], None]
    options: dict = field(default_factory=dict)  # of the gateway's configuration: Sluice.configure


@dataclass(frozen=True)
class Load:
    connections: int
    requests: int  # to each party in each round
    burst: int  # this many at a time, in turns


def compare(bench: Bench, yardstick: Subject, ours: Call, theirs: Call, load: Load, direct: bool = False,
            **upstream_options) -> dict[str, list[dict]]:
    """The results of all rounds, for "ours", "theirs" and, if asked for, "direct" (theirs, straight to the upstream).
    The calls' options are for the gateways' configurations.
    Each round has fresh processes: two runs of one program differ by some per cent for their whole life, depending on
    where their memory is. The order is reversed after each turn, so the party at either end has two turns in a row,
    with warm caches: both gateways do, and the direct calls are in the middle. As soon as four rounds agree, no more
    are made."""
    results: dict[str, list[dict]] = {"ours": []} | ({"direct": []} if direct else {}) | {"theirs": []}
    for i in range(bench.rounds):
        with ExitStack() as stack:
            upstream = bench.upstream(stack, **upstream_options)
            plain = workload.ask(upstream.port, theirs.request)
            parties = {"ours": (bench.start(stack, bench.subject, upstream, **ours.options), ours),
                       "theirs": (bench.start(stack, yardstick, upstream, **theirs.options), theirs),
                       "direct": (upstream, theirs)}
            names = list(results) if i % 2 == 0 else list(reversed(results))
            ordered = []
            for name in names:
                party, call = parties[name]
                work = workload.prepare(bench.folder, f"{name}-{i}", party.port, call.request, call.check, plain)
                ordered.append((party, work))
            warm = max(load.requests // 10, load.connections)
            measure(ordered, bench.tools, load.connections, warm, load.burst)
            for name, result in zip(names, measure(ordered, bench.tools, load.connections, load.requests, load.burst)):
                results[name].append(result)
        if not direct and is_settled(results):
            break
    return results


def is_settled(results: dict[str, list[dict]]) -> bool:
    """True: four rounds have ratios within 2 %, so more rounds would not move the median by anything that a bar would
    see."""
    ratios = [a["cpu_us"] / b["cpu_us"] for a, b in zip(results["ours"], results["theirs"])]
    return len(ratios) >= 4 and max(ratios) <= min(ratios) * 1.02


def cpu_ratio(bench: Bench, results: dict, yardstick: Subject) -> Figure:
    ours, theirs = ([r["cpu_us"] for r in results[name]] for name in ("ours", "theirs"))
    ratios = [a / b for a, b in zip(ours, theirs)]
    note = f"{bench.subject.name} {median(ours):.1f} µs · {yardstick.name} {median(theirs):.1f} µs CPU a request"
    return Figure(median(ratios), note, {"ratios": ratios, "runs": results})


def added(bench: Bench, results: dict, yardstick: Subject, key: str) -> Figure:
    """How many µs more than the yardstick the subject adds to the time of a direct call: the median over the rounds."""
    ours, theirs, direct = ([r[key]["p50"] for r in results[name]] for name in ("ours", "theirs", "direct"))
    ours_added = [a - d for a, d in zip(ours, direct)]
    theirs_added = [a - d for a, d in zip(theirs, direct)]
    more = [a - b for a, b in zip(ours_added, theirs_added)]
    note = (f"direct {median(direct):.0f} µs · {bench.subject.name} adds {median(ours_added):.0f} · "
            f"{yardstick.name} adds {median(theirs_added):.0f}")
    return Figure(median(more), note, {"more_us": more, "runs": results})


def openai_chat(stream: bool = False) -> Call:
    check = workload.check_stream if stream else workload.check_same
    return Call(workload.openai_request(workload.openai_chat(stream)), check)


def mlflow_chat() -> Call:
    return Call(workload.mlflow_request(workload.mlflow_chat()), workload.check_mlflow)


def openai_cpu(name: str, connections: int, yardstick: Callable[[Bench], Subject]):
    def run(bench: Bench) -> dict[str, Figure]:
        other = yardstick(bench)
        results = compare(bench, other, openai_chat(), openai_chat(), Load(connections, bench.count(20000), 500))
        return {name: cpu_ratio(bench, results, other)}
    return run


def mlflow_cpu(connections: int):
    def run(bench: Bench) -> dict[str, Figure]:
        bench.need_sluice()
        results = compare(bench, bench.nginx, mlflow_chat(), openai_chat(), Load(connections, bench.count(20000), 500))
        return {f"mlflow-c{connections}": cpu_ratio(bench, results, bench.nginx)}
    return run


def against_itself(name: str, ours: Call, theirs: Call, load: Load, other: str = "passed through", **upstream_options):
    """A call, and in a second process the other one."""
    def run(bench: Bench) -> dict[str, Figure]:
        bench.need_sluice()
        results = compare(bench, bench.subject, ours, theirs, Load(load.connections, bench.count(load.requests), load.burst),
                          **upstream_options)
        us, them = ([r["cpu_us"] for r in results[party]] for party in ("ours", "theirs"))
        ratios = [a / b for a, b in zip(us, them)]
        note = f"{median(us):.1f} µs · {other} {median(them):.1f} µs CPU a request"
        return {name: Figure(median(ratios), note, {"ratios": ratios, "runs": results})}
    return run


def translated(name: str, size: int, stream: bool = False, model: str = "claude"):
    """The same to an upstream of another language."""
    ours = Call(workload.openai_request(workload.conversation(model, size, stream)),
                workload.check_translated_stream if stream else workload.check_translated)
    theirs = Call(workload.openai_request(workload.conversation("chat", size, stream)),
                  workload.check_stream if stream else workload.check_same)
    load = Load(32, 3200, 320) if stream else Load(16, 10000, 500)
    options = {"chunks": 20, "delay_us": 1000} if stream else {}
    return against_itself(name, ours, theirs, load, **options)


def spoken(name: str, dialect: str, route: str):
    """The same by clients of another dialect, or to an upstream of another language. Ids of responses are kept in the
    data directory, so there is one."""
    options = {"data": "own", "more": "requests: off\n"} if "responses" in name else {}
    return against_itself(name, Call(dialects.request(dialect, route), dialects.check_says, options),
                          Call(dialects.request("openai", "chat"), workload.check_same, options), Load(16, 10000, 500))


def accounts():
    """The same call with everything that accounts need, and with nothing of it; both know what it costs."""
    ours, theirs = (Call(openai_chat().request, workload.check_same, {"more": SLUICE_PRICES, **more})
                    for more in ({"data": "own", "chat": SLUICE_LIMITS}, {}))
    return against_itself("accounts", ours, theirs, Load(16, 20000, 500), "without")


def shared_counters(bench: Bench) -> dict[str, Figure]:
    """The same four limits, counted on a server and in the process."""
    bench.need_sluice()
    figures = {}

    def beyond(limits: str, load: Load, value: Callable[[dict], float], what: str) -> Figure:
        with ExitStack() as stack:
            redis = Redis(bench.folder)
            stack.callback(redis.stop)
            there = f"counters: {{ redis: \"redis://127.0.0.1:{redis.port}\", deadline: 1s }}\n"
            ours, theirs = (Call(openai_chat().request, workload.check_same, {"more": SLUICE_PRICES + more, "chat": limits})
                            for more in (there, ""))
            results = compare(bench, bench.subject, ours, theirs, load)
        shared, local = ([value(r) for r in results[party]] for party in ("ours", "theirs"))
        more = [a - b for a, b in zip(shared, local)]
        return Figure(median(more), f"shared {median(shared):.1f} µs · local {median(local):.1f} µs {what}",
                      {"more_us": more, "runs": results})

    many, one = Load(16, bench.count(20000), 500), Load(1, bench.count(4000), 200)
    figures["shared-leased"] = beyond(SLUICE_LEASED, many, lambda r: r["cpu_us"], "CPU a request")
    figures["shared-asked"] = beyond(SLUICE_ASKED, many, lambda r: r["cpu_us"], "CPU a request")
    figures["shared-p50"] = beyond(SLUICE_ASKED, one, lambda r: r["latency_us"]["p50"], "p50")
    return figures


def traced(name: str, share: float):
    """The same call with traces, which go to a collector, and without."""
    ours, theirs = (Call(openai_chat().request, workload.check_same, options) for options in ({"traced": share}, {}))
    return against_itself(name, ours, theirs, Load(16, 20000, 500), "without")


def two_targets(bench: Bench) -> dict[str, Figure]:
    """A route with two targets and one with one, in turns in one process, so both have the same memory."""
    bench.need_sluice()
    ours: dict[str, list[float]] = {"pair": [], "chat": []}
    with ExitStack() as stack:
        upstream = bench.upstream(stack)
        gateway = bench.start(stack, bench.subject, upstream)
        plain = workload.ask(upstream.port, openai_chat().request)
        works = {name: workload.prepare(bench.folder, f"targets-{name}", gateway.port,
                                        workload.openai_request(workload.openai_chat(model=name)), workload.check_same, plain)
                 for name in ours}
        for i in range(bench.rounds * 4 + 1):
            for name in sorted(ours, reverse=i % 2 == 1):
                got = measure([(gateway, works[name])], bench.tools, 16, bench.count(5000), 500)
                if i:
                    ours[name].append(got[0]["cpu_us"])
    ratios = [pair / one for pair, one in zip(ours["pair"], ours["chat"])]
    note = f"two targets {median(ours['pair']):.1f} µs · one {median(ours['chat']):.1f} µs CPU a request"
    return {"two-targets": Figure(median(ratios), note, {"ratios": ratios})}


def latency(bench: Bench) -> dict[str, Figure]:
    results = compare(bench, bench.nginx, openai_chat(), openai_chat(), Load(1, bench.count(4000), 200), direct=True)
    return {"latency-c1": added(bench, results, bench.nginx, "latency_us")}


def stream(bench: Bench) -> dict[str, Figure]:
    call = openai_chat(stream=True)
    load = Load(32, bench.count(3200), 320)
    results = compare(bench, bench.nginx, call, call, load, direct=True, chunks=20, delay_us=1000)
    return {"stream-cpu": cpu_ratio(bench, results, bench.nginx),
            "stream-first": added(bench, results, bench.nginx, "ttfb_us")}


def peak_memory(bench: Bench, call: Call, size: int) -> Figure:
    """What one long request adds to the resident memory of a fresh process, as a multiple of its body."""
    small = openai_chat().request
    runs = []
    for _ in range(1 if bench.quick else 3):
        with ExitStack() as stack:
            upstream = bench.upstream(stack)
            gateway = bench.start(stack, bench.subject, upstream)
            direct = workload.ask(upstream.port, call.request)
            for _ in range(20):
                workload.ask(gateway.port, small)
            time.sleep(0.3)
            idle = gateway.rss()
            gateway.forget_peak()
            call.check(workload.ask(gateway.port, call.request), direct)
            runs.append({"idle": idle, "peak": gateway.peak_rss()})
    worst = max(runs, key=lambda r: r["peak"] - r["idle"])
    note = f"idle {worst['idle'] / MIB:.1f} MiB, peak {worst['peak'] / MIB:.1f} MiB, body {size / MIB:.0f} MiB"
    return Figure((worst["peak"] - worst["idle"]) / size, note, {"runs": runs, "body": size})


def long_body(name: str, size: int, body: Callable[[int], bytes], requests: int):
    def run(bench: Bench) -> dict[str, Figure]:
        call = Call(workload.openai_request(body(size)), workload.check_same)
        results = compare(bench, bench.haproxy, call, call, Load(4, bench.count(requests), 10))
        return {f"{name}-cpu": cpu_ratio(bench, results, bench.haproxy),
                f"{name}-memory": peak_memory(bench, call, size)}
    return run


UPLOAD = 100 * MIB


def upload(bench: Bench) -> dict[str, Figure]:
    """A recording that goes up while it comes; HAProxy gets the same bytes, and passes them on."""
    figures = {}
    for name, file_first in (("upload", False), ("upload-file", True)):
        call = Call(workload.upload_request(UPLOAD, file_first), workload.check_same)
        results = compare(bench, bench.haproxy, call, call, Load(2, bench.count(20, 4), 4))
        figures[f"{name}-cpu"] = cpu_ratio(bench, results, bench.haproxy)
        if bench.subject.name == "sluice":
            peak = peak_memory(bench, call, UPLOAD)
            figures[f"{name}-memory"] = Figure(peak.value * UPLOAD / MIB, peak.note, peak.detail)
    return figures


def held_streams(name: str, tls: bool):
    def run(bench: Bench) -> dict[str, Figure]:
        count = 200 if bench.quick else 1000
        with ExitStack() as stack:
            certificate = {"cert": bench.cert, "key": bench.key} if tls else {}
            holding = bench.upstream(stack, hold=True, delay_us=1000, **certificate)
            gateway = bench.start(stack, bench.subject, holding)
            # An upstream that ends its streams makes the beginning of the stream: a held one has no whole reply.
            ending = bench.upstream(stack, **certificate)
            example = bench.start(stack, bench.subject, ending)
            plain = bench.upstream(stack)
            call = openai_chat(stream=True)
            work = workload.prepare(bench.folder, name, example.port, call.request, call.check,
                                    workload.ask(plain.port, call.request))
            workload.ask(gateway.port, openai_chat().request)  # warms the gateway up, and its pool has a connection
            time.sleep(0.3)
            before = gateway.rss()
            streams = HeldStreams(bench.tools, gateway.port, work, count)
            try:
                time.sleep(1)
                gateway.check_alive()
                after = gateway.rss()
            finally:
                streams.stop()
            each = (after - before) / 1024 / count
            note = f"{count} streams: {before / MIB:.1f} MiB before, {after / MIB:.1f} MiB after"
            return {name: Figure(each, note, {"before": before, "after": after, "streams": count})}
    return run


def idle(bench: Bench) -> dict[str, Figure]:
    with ExitStack() as stack:
        upstream = bench.upstream(stack)
        gateway = bench.start(stack, bench.subject, upstream)
        workload.ask(gateway.port, openai_chat().request)
        time.sleep(1)
        fresh = gateway.rss()
        return {"idle-rss": Figure(fresh / MIB, f"{fresh // 1024} KiB after start and one call", {"rss": fresh})}


def start_seconds(bench: Bench, upstream: Upstream, **options) -> tuple[float, int]:
    """The time from just before fork and exec to the end of the first answered chat call, and the resident memory
    then."""
    request = openai_chat().request
    gateway = bench.subject.launch(bench.folder, upstream.port, **options)
    try:
        gateway.wait_ready()
        workload.ask(gateway.port, request)
        return (time.monotonic_ns() - gateway.began) / 1e9, gateway.rss()
    finally:
        gateway.stop()


def first_answer(bench: Bench) -> dict[str, Figure]:
    with ExitStack() as stack:
        upstream = bench.upstream(stack)
        times = [start_seconds(bench, upstream)[0] * 1000 for _ in range(3 if bench.quick else 9)]
        note = f"{min(times):.1f} to {max(times):.1f} ms over {len(times)} starts"
        return {"first-answer": Figure(median(times), note, {"ms": times})}


def many_endpoints(bench: Bench) -> dict[str, Figure]:
    bench.need_sluice()
    with ExitStack() as stack:
        upstream = bench.upstream(stack)
        runs = [start_seconds(bench, upstream, endpoints=6001) for _ in range(1 if bench.quick else 3)]
        times = [t for t, _ in runs]
        note = f"{min(times):.2f} to {max(times):.2f} s over {len(times)} starts, then {runs[-1][1] / MIB:.1f} MiB"
        return {"start-6001": Figure(median(times), note, {"runs": runs})}


def json_reader(bench: Bench) -> dict[str, Figure]:
    """The comparison is a separate program, whose last line is JSON with `ratio`, `ours_ns` and `simdjson_ns`."""
    bench.need_sluice()
    program = bench.build / "bench" / "json" / "bench_json"
    if not program.exists():
        raise BenchError(f"{program} is not built")
    done = subprocess.run([str(program)], capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchError(f"{program.name} failed:\n{done.stderr}")
    got = json.loads(done.stdout.strip().splitlines()[-1])
    note = f"sluice {got['ours_ns'] / 1000:.2f} µs · simdjson {got['simdjson_ns'] / 1000:.2f} µs a request"
    return {"json-reader": Figure(got["ratio"], note, got)}


def figures_of(bench: Bench, name: str, *args: str) -> dict:
    """The figures in the last line of a benchmark program."""
    bench.need_sluice()
    program = bench.build / "bench" / name
    if not program.exists():
        raise BenchError(f"{program} is not built")
    done = subprocess.run([str(program), *args], capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchError(f"{program.name} failed:\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def sign(bench: Bench) -> dict[str, Figure]:
    got = figures_of(bench, "bench_sign")
    note = f"1 KiB {got['small_ns'] / 1000:.2f} µs · 30 KiB {got['large_ns'] / 1000:.2f} µs"
    return {"sign": Figure(got["small_ns"] / 1000, note, got)}


def limiter(bench: Bench) -> dict[str, Figure]:
    got = figures_of(bench, "bench_limiter")
    note = f"one principal {got['one_ns']} ns, three rules at once {got['three_rules_ns']} ns, refused {got['refused_ns']} ns"
    crowd = f"{got['crowd_counted']} counted, the others refused; {got['crowd_ns']:.0f} ns a call"
    return {"limiter": Figure(got["one_of_10000_ns"], note, got),
            "limiter-nine": Figure(got["all_nine_ns"], f"of 10,000 principals {got['all_nine_of_10000_ns']} ns", got),
            "limiter-crowd": Figure(got["crowd_mib"], crowd)}


def requests_log(bench: Bench) -> dict[str, Figure]:
    """Runs in its own process, without HTTP."""
    rows = bench.count(10_000_000)
    got = figures_of(bench, "bench_requests", str(bench.folder / "requests"), str(rows))
    if got["dropped"] or got["at_50000_dropped"]:
        raise BenchError(f"the request log lost rows: {got['dropped']}, at 50,000 a second {got['at_50000_dropped']}")
    page = max(got[f"page_{where}_msec"] for where in ("newest", "middle", "oldest"))
    return {"log-page": Figure(page, f"{rows} rows; newest {got['page_newest_msec']}, middle {got['page_middle_msec']}, oldest {got['page_oldest_msec']} ms", got),
            "log-filter": Figure(got["four_filters_msec"], f"{got['four_filters_rows']} of {got['four_filters_all']} rows that fit"),
            "log-facets": Figure(got["facets_msec"], f"with one filter {got['one_filter_facets_msec']} ms, with four {got['four_filters_facets_msec']} ms"),
            "log-bytes": Figure(got["bytes_a_row"], f"start on them {got['open_msec']:.0f} ms"),
            "log-writer": Figure(got["at_50000_core"], f"{got['writer_usec']} µs a row, and {got['push_nsec']:.0f} ns of the worker that pushes it")}


def policy(bench: Bench) -> dict[str, Figure]:
    got = figures_of(bench, "bench_policy")
    def note(n: int) -> str:
        return ", ".join(f"{balance} {got[f'{balance}_{n}_ns']:.0f} ns" for balance in ("weighted", "least_busy", "fastest", "ordered", "cheapest"))
    return {"policy-10": Figure(got["worst_10_ns"], note(10), got),
            "policy-1000": Figure(got["worst_1000_ns"] / 1000, note(1000), got)}


def store(bench: Bench) -> dict[str, Figure]:
    """Runs in its own process, without HTTP. It leaves its directory to `lookup`."""
    bench.need_sluice()
    program = bench.build / "bench" / "bench_store"
    if not program.exists():
        raise BenchError(f"{program} is not built")
    done = subprocess.run([str(program), str(bench.folder / "data"), str(bench.count(100000))], capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchError(f"{program.name} failed:\n{done.stderr}")
    got = json.loads(done.stdout)
    lookup, note = lookup_ratio(bench, bench.folder / "data", bench.count(100000))
    beyond = got["bytes_a_route"] - got["text_bytes_a_route"]
    return {"routes-start": Figure(got["start_ms"] / 1000, f"a change takes {got['change_many_us']} µs, among 10 routes {got['change_few_us']} µs", got),
            "routes-memory": Figure(beyond, f"{got['bytes_a_route']:.0f} B with its text", got),
            "routes-lookup": Figure(lookup, f"{note}; the index alone {got['lookup_many_ns']} ns · {got['lookup_few_ns']} ns", got),
            "routes-create": Figure(got["syncs_a_create"], f"{got['creates_per_sec']} creates/s · {got['fdatasync_per_sec']} fdatasync/s", got)}


def lookup_ratio(bench: Bench, data: pathlib.Path, n: int) -> tuple[float, str]:
    """The CPU time of get_route among many dynamic routes and among 10, with random names, in turns."""
    with ExitStack() as stack:
        upstream = bench.upstream(stack)
        conns, names, gateways = [], [], []
        for folder, count in ((data, n), (bench.folder / "few", 10)):
            gateway = bench.start(stack, bench.subject, upstream, data=folder)
            conn = http.client.HTTPConnection("127.0.0.1", gateway.port)
            have = [f"team-{i % 97}-route-{i:06d}" for i in range(count)]
            for name in have if count == 10 else ():
                conn.request("POST", "/api/2.0/gateway/routes/", json.dumps({"name": name, "route_type": "llm/v1/chat", "model": {"name": "m", "provider": "openai", "openai_config": {
                    "openai_api_key": "k"}}}))
                if conn.getresponse().read() is None:
                    raise BenchError("no route was made")
            gateways.append(gateway)
            conns.append(conn)
            names.append(have)
        pick, rounds = random.Random(1), []
        for _ in range(bench.rounds):
            spent = [0, 0]
            for turn in range(10):
                for i in (0, 1) if turn % 2 else (1, 0):
                    asked = [pick.choice(names[i]) for _ in range(bench.count(200))]
                    before = gateways[i].cpu_nsec()
                    for name in asked:
                        conns[i].request("GET", "/api/2.0/gateway/routes/" + name)
                        reply = conns[i].getresponse()
                        if reply.status != 200 or name.encode() not in reply.read():
                            raise BenchError(f"get_route {name}: {reply.status}")
                    spent[i] += (gateways[i].cpu_nsec() - before) // len(asked)
            rounds.append((spent[0] / spent[1], spent[0] / 10000, spent[1] / 10000))
        rounds.sort()
        ratio, many, few = rounds[len(rounds) // 2]
        return ratio, f"{many:.1f} µs · {few:.1f} µs CPU a request"


def run_msec(argv: list[str], **options) -> float:
    began = time.monotonic_ns()
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise BenchError(f"{' '.join(argv)}: {done.returncode}\n{done.stderr}")
    return (time.monotonic_ns() - began) / 1e6


def commands(bench: Bench) -> dict[str, Figure]:
    """The time from before fork to the end of the program; for the query, less the time of the same call on a kept
    connection."""
    bench.need_sluice()
    sluice, times = bench.subject.binary, bench.count(50)
    with ExitStack() as stack:
        upstream = bench.upstream(stack)
        gateway = bench.start(stack, bench.subject, upstream, data=bench.folder / "data")
        env = {**os.environ, "SLUICE_SERVER": f"http://127.0.0.1:{gateway.port}"}
        version, query, call = [], [], []
        for _ in range(times):
            version.append(run_msec([sluice, "version"], env=env))
            query.append(run_msec([sluice, "query", "chat", "hello"], env=env))
            began = time.monotonic_ns()
            workload.ask(gateway.port, openai_chat().request)
            call.append((time.monotonic_ns() - began) / 1e6)
        file, n = bench.folder / "routes.json", bench.count(10000)
        file.write_text(json.dumps({"routes": [{"name": f"r{i}", "route_type": "llm/v1/chat", "model": {"name": "m", "provider": "openai", "config": {"openai_api_key": "sk-0"}}}
                                               for i in range(n)]}))
        apply = run_msec([sluice, "routes", "apply", str(file), "--yes"], env=env) / 1000
    return {"cli-version": Figure(median(version), f"{min(version):.1f} to {max(version):.1f} ms", {"ms": version}),
            "cli-query": Figure(median(query) - median(call), f"{median(query):.1f} ms, the call alone {median(call):.2f} ms", {"ms": query}),
            "cli-apply": Figure(apply, f"{n} routes, {n / apply:.0f} a second")}


def long_body_task(name: str, what: str, size: int, body: Callable[[int], bytes], requests: int) -> Task:
    return Task(name, (Bar(f"{name}-cpu", f"{what}: CPU against HAProxy", 2.0, "×"),
                       Bar(f"{name}-memory", f"{what}: peak memory against the body", 2.0, "×")),
                long_body(name, size, body, requests))


def task(name: str, what: str, limit: float, unit: str, run: Callable[[Bench], dict[str, Figure]]) -> Task:
    return Task(name, (Bar(name, what, limit, unit),), run)


TASKS = (
    *(task(f"openai-c{n}", f"OpenAI dialect, {n} connections: CPU against nginx", 1.25, "×",
           openai_cpu(f"openai-c{n}", n, lambda bench: bench.nginx)) for n in (16, 64)),
    *(task(f"openai-c{n}-haproxy", f"OpenAI dialect, {n} connections: CPU against HAProxy", 1.05, "×",
           openai_cpu(f"openai-c{n}-haproxy", n, lambda bench: bench.haproxy)) for n in (16, 64)),
    task("mlflow-c16", "MLflow dialect, 16 connections: CPU against nginx", 1.6, "×", mlflow_cpu(16)),
    task("mlflow-c64", "MLflow dialect, 64 connections: CPU against nginx", 1.6, "×", mlflow_cpu(64)),
    *(task(name, f"{what}: CPU against passing it through", limit, "×", translated(name, size, stream, model))
      for model, label in (("claude", "Anthropic"), ("gemini", "Gemini"), ("bedrock", "Bedrock"))
      for name, what, limit, size, stream in (
          (f"{model}-1k", f"1 KiB chat translated to {label}", 1.3, 1024, False),
          (f"{model}-30k", f"30 KiB chat translated to {label}" + ", signed" * (model == "bedrock"),
           None if model == "bedrock" else 1.4, 30720, False),
          (f"{model}-stream", f"stream of 20 chunks from {label}", 1.2, 1024, True))),
    task("bedrock-key-30k", "30 KiB chat translated to Bedrock, with a token: CPU against passing it through", 1.4, "×",
         translated("bedrock-key-30k", 30720, False, "bedrock-key")),
    *(task(f"{dialect}-same", f"{label}'s clients, an upstream of {label}'s: CPU against OpenAI's clients and upstream", 1.05, "×",
           spoken(f"{dialect}-same", dialect, route))
      for dialect, label, route in (("anthropic", "Anthropic", "claude"), ("gemini", "Gemini", "gemini"), ("responses", "Responses", "chat"),
                                    ("converse", "Converse", "bedrock-key"), ("cohere", "Cohere", "cohere"))),
    *(task(f"{dialect}-to-openai", f"{label}'s clients, an upstream of OpenAI's: the same", 1.4, "×",
           spoken(f"{dialect}-to-openai", dialect, route))
      for dialect, label, route in (("anthropic", "Anthropic", "chat"), ("gemini", "Gemini", "chat"), ("responses", "Responses", "compatible"),
                                    ("converse", "Converse", "chat"), ("cohere", "Cohere", "chat"))),
    *(task(f"openai-to-{route}", f"OpenAI's clients, an upstream of {label}'s: the same", 1.4, "×", spoken(f"openai-to-{route}", "openai", route))
      for route, label in (("responses", "Responses"), ("cohere", "Cohere"))),
    task("sign", "one signature of Amazon's, 1 KiB body", 10, "µs", sign),
    task("latency-c1", "one connection: added latency (p50) beyond nginx's", 20, "µs", latency),
    Task("stream-c32", (Bar("stream-cpu", "streams of 20 chunks, 32 connections: CPU against nginx", 1.25, "×"),
                        Bar("stream-first", "the same: added time to first chunk beyond nginx's", 50, "µs")), stream),
    long_body_task("string-1m", "1 MiB request, one string", MIB, workload.long_string, 500),
    long_body_task("messages-1m", "1 MiB request, 20,000 messages", MIB, workload.many_messages, 500),
    Task("upload", (Bar("upload-cpu", "100 MiB upload: CPU against HAProxy", 2.0, "×"),
                    Bar("upload-memory", "the same: peak memory", 1, "MiB"),
                    Bar("upload-file-cpu", "the same, its model behind the file: CPU against HAProxy", 2.0, "×"),
                    Bar("upload-file-memory", "the same: peak memory", 1, "MiB")), upload),
    long_body_task("string-10m", "10 MiB request, one string", 10 * MIB, workload.long_string, 60),
    long_body_task("messages-10m", "10 MiB request, 20,000 messages", 10 * MIB, workload.many_messages, 60),
    task("held-plain", "1,000 open idle streams, each", 16, "KiB", held_streams("held-plain", False)),
    task("held-tls", "1,000 open idle streams, TLS to the upstream, each", 40, "KiB", held_streams("held-tls", True)),
    task("idle-rss", "resident memory when idle", 12, "MiB", idle),
    task("first-answer", "first answered call after exec", 50, "ms", first_answer),
    task("start-6001", "first answered call with 6,001 endpoints", 1, "s", many_endpoints),
    task("json-reader", "JSON reader against simdjson's DOM parser, 3 KB request", 2.0, "×", json_reader),
    Task("limiter", (Bar("limiter", "one check of a limit, 10,000 principals, uncontended", 200, "ns"),
                     Bar("limiter-nine", "all limits of a call: route, key and group, requests, tokens and money", 400, "ns"),
                     Bar("limiter-crowd", "memory after calls of 10,000,000 principals of one group", 64, "MiB")), limiter),
    Task("requests-log", (Bar("log-page", "request log of 10,000,000 rows: the slowest page of 100", 100, "ms"),
                          Bar("log-filter", "the same: four filters", 200, "ms"),
                          Bar("log-facets", "the same: counts of all rows by status and route", 100, "ms"),
                          Bar("log-bytes", "the same: on disk, a row", 60, "B"),
                          Bar("log-writer", "its writer at 50,000 rows a second, of a core", 1, "×")), requests_log),
    task("accounts", "request log, ledger and three limits, against none of it: CPU", 1.03, "×", accounts()),
    Task("shared", (Bar("shared-leased", "four limits counted on Redis, 16 connections: CPU beyond local ones", 1, "µs"),
                    Bar("shared-asked", "the same, where each call asks the server", 3, "µs"),
                    Bar("shared-p50", "the same, one connection: added latency (p50) beyond local ones", 150, "µs")), shared_counters),
    task("traced-1", "traces of one call in a hundred, against none: CPU", 1.01, "×", traced("traced-1", 0.01)),
    task("traced-100", "traces of every call, against none: CPU", 1.10, "×", traced("traced-100", 1)),
    task("two-targets", "two targets instead of one: CPU", 1.02, "×", two_targets),
    Task("policy", (Bar("policy-10", "which of 10 targets a call goes to, the slowest balance", 300, "ns"),
                    Bar("policy-1000", "the same among 1,000", 2, "µs")), policy),
    Task("store", (Bar("routes-start", "start with 100,000 dynamic routes", 2, "s"),
                   Bar("routes-memory", "memory of each beyond its own text", 1024, "B"),
                   Bar("routes-lookup", "get_route among 100,000 against among 10: CPU", 1.5, "×"),
                   Bar("routes-create", "a create, 16 writers at once, in syncs of the same disk", round(1 / 6, 3), "×")), store),
    Task("cli", (Bar("cli-version", "sluice version", 10, "ms"),
                 Bar("cli-query", "sluice query beyond the server's own time", 15, "ms"),
                 Bar("cli-apply", "sluice routes apply with 10,000 routes", 20, "s")), commands),
)
