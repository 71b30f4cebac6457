"""The same service, made with several libraries: what each costs, in one figure.

    costs = measure_services([("echo, Tornado", EchoTornado, b"hello"), …], on_the_wire)
    services_figure(costs)

Every service is measured in a process of its own, by clients in this one: in the same process
they would share one GIL, and each would be charged for the work of the other.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .figures import new_figure, picture_of
from .library_servers import lines_of_code, serve_library
from .measure import Latency, Throughput, latency
from .pictures import BLUE, GREEN, GREY, ORANGE, PINK, Picture
from .progress_bars import progress_bar
from .units import format_time
from .ways import goodput

AT_ONCE = 8  # clients that ask without a pause, to find the most that a server can answer
SECONDS = 0.1
FLOODS = 3
GOODPUTS = 2
ROUNDS = 800
PATIENCE = 5.0  # seconds for one answer


@dataclass(frozen=True)
class ServiceCost:
    """What one service costs.

    Attributes
    ----------
    label : str
        What it is: "echo, Tornado".
    lines : int
        Lines of code that its author wrote.
    wire : tuple of int
        The sizes, in bytes, of the packets with data for one request and its answer.
    latency : Latency
        One client, one request after the other, on one connection.
    per_second : float
        Answers a second for 8 clients that ask without a pause: the best of three runs.
    """

    label: str
    lines: int
    wire: tuple[int, ...]
    latency: Latency
    per_second: float


def measure_services(
    plan: Sequence[tuple[str, Any, bytes]], wire: Callable[[Any, bytes], Sequence[int]]
) -> list[ServiceCost]:
    """Measure several services, one after the other, with a progress bar.

    Parameters
    ----------
    plan : sequence of (label, service, request)
        As for `measure_service`.
    wire : callable
        Takes a service and a request; returns the sizes of the packets with data for one answer.
    """
    costs = []
    with progress_bar(len(plan), "services", delay=1) as bar:
        for label, service, ask in plan:
            sizes = wire(service, ask)
            costs.append(measure_service(service, ask=ask, label=label, wire=sizes))
            bar.update()
    return costs


def measure_service(
    service: Any, *, ask: bytes, label: str, wire: Sequence[int] = ()
) -> ServiceCost:
    """Run a service of `serve_library` in a process of its own, and measure it.

    Parameters
    ----------
    service : class or coroutine function
        As for `serve_library`.
    ask : bytes
        One request. The answer to HTTP ends as its Content-Length says; any other is as long
        as the request.
    label : str
        What it is called.
    wire : sequence of int
        What a capture told: see `ServiceCost`.

    Raises
    ------
    OSError
        If it does not start, or does not answer within 5 s.
    """
    with serve_library(service, apart=True) as server:
        with _connected(server.address) as client:
            client.sendall(ask)
            size = answer_size(client, ask)
            carry = _carry(client, label, size)
            samples = latency(lambda: carry(ask), rounds=ROUNDS, warmup=100, label=label)
        # What disturbs a measurement only ever makes it slower: the best of several counts.
        rate = max(flood(server.address, ask, size) for _ in range(FLOODS))
    return ServiceCost(label, lines_of_code(service), tuple(wire), samples, rate)


def echo_goodputs(services: Mapping[str, Any], *, sizes: Iterable[int]) -> list[Throughput]:
    """The goodput of echo services by their labels, each in a process of its own.

    A message counts when all of it has come back, and the next is sent then. Sizes are in bytes;
    what fits into the kernel's buffers (64 KiB) cannot block. The best of two runs counts.
    """
    sizes, curves = tuple(sizes), []
    with progress_bar(len(services), "goodput", delay=1) as bar:
        for label, service in services.items():
            with serve_library(service, apart=True) as server:
                with _connected(server.address) as client:
                    carry = _carry(client, label)
                    runs = [goodput(carry, sizes=sizes, label=label) for _ in range(GOODPUTS)]
            best = map(max, zip(*(run.bits_per_second for run in runs), strict=True))
            curves.append(replace(runs[0], bits_per_second=tuple(best)))
            bar.update()
    return curves


def _connected(address: Any) -> socket.socket:
    client = socket.create_connection(address, PATIENCE)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def _carry(client: socket.socket, label: str, size: int = 0) -> Callable[[bytes], None]:
    """Send a message and read an answer of `size` bytes; 0: as long as the message."""

    def carry(message: bytes) -> None:
        client.sendall(message)
        left = size or len(message)
        while left > 0:
            if not (part := client.recv(left)):
                raise ConnectionError(f"{label} closed before its answer was complete.")
            left -= len(part)

    return carry


def answer_size(client: socket.socket, ask: bytes) -> int:
    """Read the first answer; how many bytes it had."""
    answer = b""
    while True:
        head, end, body = answer.partition(b"\r\n\r\n")
        if not ask.startswith(b"GET ") and len(answer) >= len(ask):
            return len(answer)
        if end:
            fields = [line.lower().partition(b":") for line in head.split(b"\r\n")[1:]]
            length = next(int(value) for name, _, value in fields if name == b"content-length")
            if len(body) >= length:
                return len(answer)
        if not (part := client.recv(65536)):
            raise ConnectionError("The connection ended before the answer was complete.")
        answer += part


def flood(
    address: Any, ask: bytes, size: int, *, at_once: int = AT_ONCE, seconds: float = SECONDS
) -> float:
    """Answers a second for clients that ask again as soon as they have an answer.

    Parameters
    ----------
    address : (host, port)
        Where the server listens.
    ask : bytes
        The request.
    size : int
        Bytes of each answer.
    at_once, seconds : int, float
        How many clients, and for how long.
    """
    with contextlib.ExitStack() as closing:
        waiting = closing.enter_context(selectors.DefaultSelector())
        for _ in range(at_once):
            client = closing.enter_context(_connected(address))
            waiting.register(client, selectors.EVENT_READ, [0])
            client.sendall(ask)
        answers, begun = 0, time.perf_counter()
        while (now := time.perf_counter()) < begun + seconds:
            if not (ready := waiting.select(PATIENCE)):
                raise TimeoutError(f"No answer for {PATIENCE:g} s.")
            for key, _ in ready:
                client, got = key.fileobj, key.data  # type: ignore[assignment]
                if not (part := client.recv(65536)):
                    raise ConnectionError("The server closed a connection.")
                got[0] += len(part)
                if got[0] >= size:
                    got[0] = 0
                    answers += 1
                    client.sendall(ask)
    return answers / (now - begun)


def services_figure(costs: Sequence[ServiceCost]) -> Picture:
    """All services in one figure: lines of code, bytes on the wire, latency, answers a second.

    ValueError if there is nothing to draw.
    """
    if not costs:
        raise ValueError("services_figure needs at least one measured service.")
    figure, (lines, wire, times, rates) = new_figure(columns=2, rows=2, height=520)
    places, labels = range(len(costs)), [cost.label for cost in costs]
    groups = [label.partition(",")[0] for label in labels]
    colours = [BLUE if group == groups[0] else GREEN for group in groups]
    _bars(lines, [cost.lines for cost in costs], colours, "{:.0f}")
    lines.set(xlabel="Lines of code", ylabel="Service")
    _bars(wire, [sum(cost.wire) for cost in costs], colours, "{:,.0f}")
    wire.set(xlabel="Bytes on the wire (B)", ylabel="Service")
    for place, cost in zip(places, costs, strict=True):
        p50, p99 = (cost.latency.percentile(p) for p in (50, 99))
        times.plot([p50, p99], [place, place], color=GREY, linewidth=2, linestyle="-")
        times.plot(
            p50, place, "o", color=ORANGE, label="p50 of the latency" if place == 0 else None
        )
        times.plot(p99, place, ">", color=PINK, label="p99" if place == 0 else None)
    times.set(xlabel="Latency (logarithmic)", ylabel="Service", xscale="log")
    ends = [cost.latency.percentile(p) for cost in costs for p in (50, 99)]
    low, high = min(ends) / 2, 2 * max(ends)
    powers = [10.0**n for n in range(-7, 2) if low <= 10.0**n <= high]
    times.set_xlim(low, high)
    times.xaxis.minorticks_off()
    times.set_xticks(powers, [format_time(power) for power in powers])
    figure.legend(*times.get_legend_handles_labels(), loc="outside lower left", ncols=2)
    _bars(rates, [cost.per_second for cost in costs], colours, "{:,.0f}")
    rates.set(xlabel="Answers a second, 8 clients", ylabel="Service")
    for axes in (lines, wire, times, rates):
        axes.set_yticks(places, labels)
        axes.set_ylim(len(costs) - 0.4, -0.6)
    told = "; ".join(
        f"{cost.label}: {cost.lines} lines, {sum(cost.wire):,} bytes in {len(cost.wire)} packets, "
        f"p50 {format_time(cost.latency.percentile(50))}, "
        f"p99 {format_time(cost.latency.percentile(99))}, {cost.per_second:,.0f} answers a second"
        for cost in costs
    )
    return picture_of(
        figure,
        kind="services",
        alt="Four plots with a row for each service: lines of code, bytes on the wire, latency, "
        "and answers a second.",
        caption=f"{told}. Each server in a process of its own, its clients in this one.",
    )


def _bars(axes: Any, values: Sequence[float], colours: Sequence[str], form: str) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.barh(range(len(values)), values, color=colours, height=0.6)
    axes.set_xlim(0, 1.3 * max([*values, 1]))
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    for place, value in enumerate(values):
        axes.annotate(
            form.format(value), (value, place), (4, 0), textcoords="offset points", va="center",
            fontsize=9,
        )  # fmt: skip
