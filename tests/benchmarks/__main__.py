"""The course's numbers beside those of professional tools: one run, one table.

    python tests/benchmarks [--pairs 7] [--strict]

Each row compares two things that were measured in turns, in this one run: pair by pair, then
the median and the range over the pairs. The course's side runs inside a real Jupyter kernel,
as the cell of a notebook does.
"""

from __future__ import annotations

import argparse
import operator
import os
import platform
import sys
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from kernel import Caller, jupyter_kernel
from placement import placements
from rows import HEAD, Absent, Goal, Row, Samples
from tools import iperf3, sockperf

SIZES = (1 << 10, 32 << 10, 1 << 20)  # bytes, of a message
CROWDS = (10, 1_000)  # clients, besides 100
HELD = 5_000  # clients, whose memory is measured
REQUEST_RATES = (500, 2_000, 5_000)  # a second
PACKET_RATES = (2_000, 20_000, 60_000)  # a second, in the floods that are captured
RATES = (10e6, 50e6, 100e6, 200e6, 400e6, 800e6)  # bit/s, of the wire

NOTE = """\
One core: client and server are bound to the same core. Two cores: each to its own. Both sides
of a pair are bound alike. Captures: 10,000 echo round trips, 20,000 packets with data, whose
two ends share one core; who captures them is not bound, and has a second more to end. scapy
and tcpdump run with their defaults. sockperf reports half round trips: doubled here. iperf3
and the course both count what the receiver read. Processor time is that of both ends; what else
runs on the machine changes it less than the throughput. The wire: one TCP flow without loss, while
another thread of the notebook's kernel computes. Crowds: the clients are one process, which asks
again as soon as it is answered; both servers run, and are asked in turns, for 0.1 s each: medians.
Memory: by how much the server's process grew, a fresh one on both sides.
Echo, and messages of 1,024 KiB: at least 9 pairs, since neighbours on the same hardware show
there first. The import: at least 10."""


def throughput_rows(call: Caller, pairs: int) -> Iterator[Row]:
    """Bulk throughput beside iperf3; and how it grows with the size of a message."""
    for where, cores in placements().items():
        sizes = SIZES if cores[0] == cores[1] else SIZES[-1:]
        for size in sizes:
            ways = {"course": partial(call, "bulk", *cores, size)}
            ways["iperf3"] = partial(iperf3, *cores, size)
            samples = Samples(max(pairs, 9) if size == SIZES[-1] else min(pairs, 3), ways)
            of = f"{size >> 10:,} KiB messages, {where}; iperf3"
            rate, other = samples.of("course", "rate", 1e-9), samples.of("iperf3", "rate", 1e-9)
            goal = Goal(least=1.0) if size == SIZES[-1] else None
            yield Row(f"Throughput, {of}", rate, other, "{:.1f} Gbit/s", goal)
            cpu, other = samples.of("course", "cpu", 1e3), samples.of("iperf3", "cpu", 1e3)
            goal = Goal(most=1.1) if size == SIZES[-1] else None
            yield Row(f"Processor time for 1 GB, {of}", cpu, other, "{:.0f} ms", goal)


def echo_rows(call: Caller, pairs: int) -> Iterator[Row]:
    """Echo of 64 bytes beside sockperf."""
    for where, cores in placements().items():
        ours, theirs = partial(call, "round_trips", *cores), partial(sockperf, *cores)
        samples = Samples(max(pairs, 9), {"course": ours, "sockperf": theirs})
        for key, goal in (("p50", Goal(most=1.15)), ("p99", Goal(most=1.5))):
            course, other = samples.of("course", key, 1e6), samples.of("sockperf", key, 1e6)
            what = f"Echo {key}, 64 bytes, {where}; sockperf"
            yield Row(what, course, other, "{:.1f} µs", goal)


def capture_rows(call: Caller, pairs: int) -> Iterator[Row]:
    """10,000 round trips captured in several ways, beside the same ones not captured."""
    _, core = next(iter(placements().values()))
    watchers = {
        "raw": "Raw capture",
        "own frame": "Own frames",
        "scapy": "scapy's AsyncSniffer",
        "tcpdump": "tcpdump",
    }
    samples = Samples(
        pairs, {name: partial(call, "watched", name, core) for name in ("nothing", *watchers)}
    )
    alone, sent = samples.of("nothing", "seconds", 1e3), samples.of("nothing", "sent")
    for name, what in watchers.items():
        none, slower = (Goal(most=0), Goal(most=1.3)) if name == "raw" else (None, None)
        kept, times = samples.of(name, "kept"), samples.of(name, "seconds", 1e3)
        yield Row(
            f"{what}: packets kept; sent (compared: lost, at worst)",
            kept,
            sent,
            "{:,.0f}",
            none,
            compare=lambda kept, sent: sent - kept,
            compared="{:,.0f}",
            judge=max,
        )
        yield Row(f"{what}: 10,000 round trips; uncaptured", times, alone, "{:.0f} ms", slower)


def flood_rows(call: Caller, pairs: int) -> Iterator[Row]:
    """Captures while more and more datagrams come."""
    watchers = {"raw": "Raw capture", "tcpdump": "tcpdump", "scapy": "scapy's AsyncSniffer"}
    for rate in PACKET_RATES:
        samples = Samples(
            min(pairs, 3), {name: partial(call, "flood", name, rate) for name in watchers}
        )
        for name, what in watchers.items():
            yield Row(
                f"{what}, {rate:,} packets a second: kept; sent",
                samples.of(name, "kept"),
                samples.of(name, "sent"),
                "{:,.0f}",
                Goal(least=1) if name == "raw" else None,
                judge=min,
            )


def open_loop_rows(call: Caller, pairs: int) -> Iterator[Row]:
    """The open loop beside queueing theory, and beside wrk."""
    samples = Samples(min(pairs, 3), {"queue": partial(call, "queue_time")})
    mean, theory = samples.of("queue", "mean", 1e3), samples.of("queue", "theory", 1e3)
    what = "Open loop: mean response of a server that works 2 ms, half loaded; the queue M/D/1"
    yield Row(what, mean, theory, "{:.2f} ms", Goal(least=0.85, most=1.15))
    ways = {name: partial(call, f"stalled_{name}") for name in ("open", "wrk")}
    samples = Samples(min(pairs, 3), ways)
    ours, theirs = samples.of("open", "p99", 1e3), samples.of("wrk", "p99", 1e3)
    what = "Open loop: p99 of a server that stands still for 0.2 s once a second; wrk"
    yield Row(what, ours, theirs, "{:.0f} ms", Goal(least=0.85, most=1.15))


def setting_rows(call: Caller, pairs: int) -> Iterator[Row]:
    """The wire beside its settings."""
    close = Goal(least=0.97, most=1.03)
    for what, key, scale, form, measure in (
        ("rate", "rate", 1e-6, "{:.2f} Mbit/s", partial(call, "kept_rate", 10e6)),
        ("rate", "rate", 1e-6, "{:.2f} Mbit/s", partial(call, "kept_rate", 50e6)),
        ("added to a round trip", "added", 1e3, "{:.2f} ms", partial(call, "kept_delay", 0.010)),
        ("added to a round trip", "added", 1e3, "{:.2f} ms", partial(call, "kept_delay", 0.050)),
        ("share lost", "loss", 100, "{:.2f} %", partial(call, "kept_loss")),
    ):
        samples = Samples(min(pairs, 3), {"wire": measure})
        measured, was_set = samples.of("wire", key, scale), samples.of("wire", "set", scale)
        yield Row(f"The wire: {what}; as set", measured, was_set, form, close)


def wire_rows(call: Caller, pairs: int) -> Iterator[Row]:
    """The wire of a private network beside what it was asked for."""
    samples = Samples(min(pairs, 3), {rate: partial(call, "wire", rate) for rate in RATES})
    first = RATES[0]
    share, late = samples.of(first, "share", first / 1e6), samples.of(first, "late", 1e3)
    yield Row(
        f"The wire, {first / 1e6:g} Mbit/s and 20 ms round trip: goodput; rate",
        share,
        late if isinstance(late, Absent) else [first / 1e6] * len(late),
        "{:.2f} Mbit/s",
        Goal(least=0.93),
    )
    yield Row(
        "The wire: lateness of a frame, p99; 2 ms",
        late,
        late if isinstance(late, Absent) else [2.0] * len(late),
        "{:.2f} ms",
        Goal(most=1),
    )
    kept = late
    if not isinstance(late, Absent):
        held = [r for r in RATES if median(samples.of(r, "share")) >= 0.93]  # type: ignore[arg-type]
        kept = [max(held, default=0) / 1e6]
    yield Row(
        f"The wire: highest rate kept to 93 %; highest tried ({len(RATES)} tried)",
        kept,
        late if isinstance(late, Absent) else [RATES[-1] / 1e6],
        "{:.0f} Mbit/s",
    )


def crowd_rows(call: Caller, pairs: int) -> Iterator[Row]:
    """The course's event loops beside plain ones: 100 clients at once, fewer and more, rising
    rates, and what a connection takes; and the whole ladder."""
    where, cores = list(placements().items())[-1]
    for kind in ("asyncio", "selectors"):
        samples = Samples(pairs, {"both": partial(call, "answers", kind, *cores)})
        rate, other = samples.of("both", "course"), samples.of("both", "plain")
        what = f"Answers a second to 100 clients, {kind}, {where}; a plain script"
        yield Row(what, rate, other, "{:,.0f}", Goal(least=0.9))
        cpu, other = samples.of("both", "course cpu", 1e6), samples.of("both", "plain cpu", 1e6)
        what = f"Processor time for an answer, {kind}, {where}; a plain script"
        yield Row(what, cpu, other, "{:.1f} µs", Goal(most=1.1))
        yield from _growth_rows(call, min(pairs, 3), kind, where, cores)
    once = Samples(1, {"ladder": partial(call, "ladder")})
    seconds, limit = once.of("ladder", "seconds"), once.of("ladder", "limit")
    reached = once.of("ladder", "processes")
    far = "" if isinstance(reached, Absent) else f", processes to {reached[0]:,}"
    what = f"All servers of notebook 08, from 1 to 10,000 clients{far} (once); the limit"
    yield Row(what, seconds, limit, "{:.0f} s", Goal(most=1))


def _growth_rows(call: Caller, pairs: int, kind: str, where: str, cores: Any) -> Iterator[Row]:
    """What more clients and more requests do, and what each client takes."""

    def row(what: str, name: str, number: int, form: str, scale: float = 1) -> Row:
        samples = Samples(pairs, {"both": partial(call, name, kind, *cores, number)})
        course, plain = (samples.of("both", whose, scale) for whose in ("course", "plain"))
        return Row(f"{what}, {kind}, {where}; a plain script", course, plain, form)

    for clients in CROWDS:
        yield row(f"Answers a second to {clients:,} clients", "answers", clients, "{:,.0f}")
    for rate in REQUEST_RATES:
        yield row(f"p99 at {rate:,} requests a second", "at_rate", rate, "{:.2f} ms", 1e3)
    yield row(f"Memory for each of {HELD:,} clients", "holding", HELD, "{:.1f} KiB", 1 / 1024)


def import_rows(call: Caller, pairs: int) -> Iterator[Row]:
    """What `import helpers` adds to the start of a fresh interpreter."""
    statements = {"course": "import helpers", "bare": "pass"}
    measures = {name: partial(call, "start_up", code) for name, code in statements.items()}
    samples = Samples(max(pairs, 10), measures)
    course, bare = samples.of("course", "seconds"), samples.of("bare", "seconds")
    yield Row(
        "`import helpers`; a bare start (compared: how much more)",
        course,
        bare,
        "{:.3f} s",
        Goal(most=0.3),
        compare=operator.sub,
        compared="{:.3f} s",
    )


TABLE = (
    throughput_rows,
    echo_rows,
    open_loop_rows,
    capture_rows,
    flood_rows,
    setting_rows,
    wire_rows,
    crowd_rows,
    import_rows,
)


def machine() -> str:
    """The processor, the system and Python."""
    model, facts = platform.processor(), Path("/proc/cpuinfo")
    if facts.exists():
        model = next((line[13:] for line in facts.open() if line.startswith("model name")), model)
    system = f"{platform.system()} {platform.release()}"
    return f"{model.strip()}, {os.cpu_count()} cores; {system}; Python {platform.python_version()}"


def load() -> str:
    """How many threads wanted to run in the last minute; a number much above 1 is others."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def main() -> int:
    """Measure and print the table. 0, or with --strict 1 if a goal is missed."""
    parser = argparse.ArgumentParser(prog="python tests/benchmarks")
    parser.add_argument("--pairs", type=int, default=7, help="measurements of each kind (7)")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a goal is missed")
    options = parser.parse_args()
    if options.pairs < 1:
        parser.error("--pairs must be at least 1")
    print(f"{machine()}; {datetime.now():%Y-%m-%d %H:%M}.")
    print(f"{options.pairs} pairs; the course in a Jupyter kernel; load before {load()}.\n\n{HEAD}")
    missed = False
    with jupyter_kernel() as call:
        for rows in TABLE:
            for row in rows(call, options.pairs):
                print(row, flush=True)
                missed |= row.missed
    print(f"\n{NOTE} Load after: {load()}.")
    return int(options.strict and missed)


if __name__ == "__main__":
    sys.exit(main())
