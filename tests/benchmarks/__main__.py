"""The course's numbers beside those of professional tools: one run, one table.

    python tests/benchmarks [--pairs 7] [--strict]

Each row compares two things measured in turns, in this one run. The value is worked out for
every pair; the table shows the median of the pairs, the least and the most. The course's
side runs inside a real Jupyter kernel, as a notebook's cell does.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

from kernel import Caller, jupyter_kernel, plain_process
from placement import placements
from rows import HEAD, Absent, Row, at_least, at_most, count_row, difference_row, ratio_row
from tools import iperf3, sockperf

Measure = Callable[[], dict[str, float]]
RATE, TIME, DURATION = "{:.1f} Gbit/s", "{:.1f} µs", "{:.3f} s"

NOTE = """\
Placement: "one core" binds client and server to the same core, "two cores" each to its own;
both sides of a pair are bound alike. Captures: 10,000 echo round trips (20,000 packets with
data) whose two ends share one core, captured by a thread or process that is not bound; scapy
and tcpdump with their defaults. sockperf reports half round trips, doubled here. iperf3 counts
what its receiver read, as the course does. "Plain" is the same code in a Python process that
is no Jupyter kernel."""


class Samples:
    """The numbers of measures taken in turns; or, by name, why one could not be taken."""

    def __init__(self, pairs: int, measures: Mapping[str, Measure]) -> None:
        self._taken: dict[str, list[dict[str, float]]] = {name: [] for name in measures}
        self._absent: dict[str, Absent] = {}
        order = list(measures)
        for _ in range(pairs):
            for name in order:
                if name not in self._absent:
                    try:
                        self._taken[name].append(measures[name]())
                    except Absent as reason:
                        self._absent[name] = reason
            order.reverse()  # so that what drifts favours neither

    def of(self, name: str, key: str, scale: float = 1) -> list[float] | Absent:
        """One number of each sample of one measure, multiplied by `scale`."""
        return self._absent.get(name) or [scale * sample[key] for sample in self._taken[name]]


def throughput_rows(kernel: Caller, pairs: int) -> list[Row]:
    """Bulk throughput beside iperf3."""
    rows = []
    for where, cores in placements().items():
        measures = {
            "kernel": partial(kernel, "bulk", *cores),
            "plain": partial(plain_process, "bulk", *cores),
            "iperf3": partial(iperf3, *cores),
        }
        samples = Samples(pairs, measures)
        kernels, plain, iperf = (samples.of(name, "rate", 1e-9) for name in measures)
        what = f"Throughput, 1 MiB messages, {where}"
        rows += [
            ratio_row(f"{what}: iperf3", kernels, iperf, RATE, at_least(0.9)),
            ratio_row(f"{what}: plain", kernels, plain, RATE),
        ]
    return rows


def echo_rows(kernel: Caller, pairs: int) -> list[Row]:
    """Echo of 64 bytes beside sockperf."""
    rows = []
    for where, cores in placements().items():
        measures = {
            "kernel": partial(kernel, "round_trips", *cores),
            "plain": partial(plain_process, "round_trips", *cores),
            "sockperf": partial(sockperf, *cores),
        }
        samples = Samples(pairs, measures)
        for key in ("p50", "p99"):
            kernels, plain, other = (samples.of(name, key, 1e6) for name in measures)
            what, goal = f"Echo {key}, 64 bytes, {where}", at_most(1.3) if key == "p50" else None
            rows += [
                ratio_row(f"{what}: sockperf", kernels, other, TIME, goal),
                ratio_row(f"{what}: plain", kernels, plain, TIME),
            ]
    return rows


def capture_rows(kernel: Caller, pairs: int) -> list[Row]:
    """10,000 round trips, captured in several ways, beside the same ones not captured."""
    core = next(iter(placements().values()))[0]
    names = ("nothing", "raw", "own frame", "scapy", "tcpdump")
    samples = Samples(pairs, {name: partial(kernel, "watched", name, core) for name in names})
    alone = samples.of("nothing", "seconds")
    rows = []
    for name in names[1:]:
        what = {"raw": "Capture, raw", "own frame": "Capture, own frames"}.get(name, f"By {name}")
        slower, none_lost = (at_most(1.3), at_most(0)) if name == "raw" else (None, None)
        times, lost = samples.of(name, "seconds"), samples.of(name, "lost")
        rows += [
            count_row(f"{what}: packets lost", lost, none_lost),
            ratio_row(f"{what}: 10,000 round trips, against none", times, alone, DURATION, slower),
        ]
    return rows


def import_rows(kernel: Caller, pairs: int) -> list[Row]:
    """What `import helpers` adds to the start of a fresh interpreter."""
    statements = {"course": "import helpers", "bare": "pass"}
    samples = Samples(
        max(pairs, 10), {name: partial(kernel, "start_up", do) for name, do in statements.items()}
    )
    course, bare = (samples.of(name, "seconds") for name in statements)
    goal = at_most(0.3, " s")
    return [difference_row("`import helpers`, less a bare start", course, bare, DURATION, goal)]


def machine() -> str:
    """The processor, the system and Python."""
    model = ""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(": ")[1] for line in lines if line.startswith("model name")), "")
    return (
        f"{model or platform.processor()}, {os.cpu_count()} cores; {platform.system()} "
        f"{platform.release()}; Python {platform.python_version()}"
    )


def main() -> int:
    """Measure and print the table. 0, or with --strict 1 if a goal is missed."""
    summary, _, _ = str(__doc__).partition("\n")
    parser = argparse.ArgumentParser(prog="python tests/benchmarks", description=summary)
    parser.add_argument("--pairs", type=int, default=7, help="measurements of each kind (7)")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a goal is missed")
    options = parser.parse_args()
    if options.pairs < 1:
        parser.error("--pairs must be at least 1")

    def load() -> str:
        return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"

    before, rows = load(), []
    print(f"{machine()}; {datetime.now():%Y-%m-%d %H:%M}; {options.pairs} pairs\n\n{HEAD}")
    with jupyter_kernel() as kernel:
        for measured in (throughput_rows, echo_rows, capture_rows, import_rows):
            for row in measured(kernel, options.pairs):
                print(row.markdown(), flush=True)
                rows.append(row)
    print(
        f"\n{NOTE}\nLoad of the machine before {before}, after {load()}, of which 1 or so is ours."
    )
    return int(options.strict and any(row.missed for row in rows))


if __name__ == "__main__":
    sys.exit(main())
