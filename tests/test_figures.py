"""The figures say what was measured: in the picture, in words, on every page."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest

from helpers import figures
from helpers.figures import latency_figure, new_figure, picture_of, throughput_figure
from helpers.measure import Latency, Throughput
from helpers.pictures import Picture

SVG = "{http://www.w3.org/2000/svg}"
ALT = "How long the echo takes."


def some_latency(count: int = 2000, label: str = "echo", scale: int = 1) -> Latency:
    chance = random.Random(count)
    samples = (int(scale * 10_000 * chance.paretovariate(3)) for _ in range(count))
    return Latency(label, tuple(samples), warmup=200)


TCP = Throughput(
    "TCP", (1, 16, 256, 4096, 65536, 1 << 20), (4e6, 6e7, 1e9, 1.4e10, 2.6e10, 3e10), 1
)
UNIX = Throughput("Unix", (1, 16, 256, 4096), (1e6, 5e7, 4e8, 1e10), 1)

PICTURES = {
    "one latency": lambda: latency_figure(some_latency(), alt=ALT),
    "three latencies": lambda: latency_figure(
        some_latency(), some_latency(300, "slow", 50), some_latency(900, "slower", 999), alt=ALT
    ),
    "one throughput": lambda: throughput_figure(TCP, alt=ALT),
    "two throughputs": lambda: throughput_figure(TCP, UNIX, alt=ALT),
}


@pytest.fixture(scope="module", params=PICTURES)
def picture(request: pytest.FixtureRequest) -> Picture:
    return PICTURES[request.param]()


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collects matplotlib figures that would become pictures."""
    figures_made: list[Any] = []
    original = figures.picture_of

    def spy(figure: Any, **words: str) -> Picture:
        figures_made.append(figure)
        return original(figure, **words)

    monkeypatch.setattr(figures, "picture_of", spy)
    return figures_made


def texts(picture: Picture) -> list[str]:
    return ["".join(text.itertext()) for text in ET.fromstring(picture.html).iter(f"{SVG}text")]


# What every figure has


def test_the_measured_numbers_are_in_the_description_and_below(picture: Picture) -> None:
    root = ET.fromstring(picture.html)
    assert root.get("role") == "img"
    assert root.get("aria-label") == f"{ALT} {picture.caption}"
    assert root.findtext(f"{SVG}title") == ALT
    assert root.findtext(f"{SVG}desc") == picture.caption
    assert re.search(r"p50 \d|\d [kMG]bit/s in messages", picture.caption)


def test_whatever_is_not_data_takes_the_colour_of_the_page(picture: Picture) -> None:
    colours = set(
        re.findall(r"#[0-9a-fA-F]{3,8}\b(?!\")", re.sub(r'href="#\w+"', "", picture.html))
    )
    colours -= set(re.findall(r"url\((#\w+)\)", picture.html))
    assert colours <= set(figures.COLOURS)
    assert not re.search(r"\b(black|white)\b", picture.html)
    for text in ET.fromstring(picture.html).iter(f"{SVG}text"):
        assert "fill" not in text.get("style", ""), "text inherits currentColor from the root"


def test_no_style_sheet_and_no_prologue_reach_the_page(picture: Picture) -> None:
    assert picture.html.startswith("<svg")
    assert "<style" not in picture.html
    assert "<script" not in picture.html


def test_the_picture_fits_any_width_and_no_text_starts_outside(picture: Picture) -> None:
    root = ET.fromstring(picture.html)
    assert "width:100%;height:auto;max-width:" in root.get("style", "")
    _, _, width, height = map(float, root.get("viewBox", "").split())
    for text in root.iter(f"{SVG}text"):
        x, y = map(float, re.findall(r"-?[\d.]+", text.get("transform", ""))[-2:])
        assert 0 <= x <= width, text.text
        assert 0 <= y <= height, text.text


def test_ids_are_unique_on_a_page_and_each_picture_uses_only_its_own() -> None:
    first, second = PICTURES["one latency"](), PICTURES["one latency"]()
    ids = [re.findall(r' id="([^"]+)"', each.html) for each in (first, second)]
    used = [set(re.findall(r'(?:href="#|url\(#)([^")]+)', each.html)) for each in (first, second)]
    assert len(ids[0] + ids[1]) == len(set(ids[0] + ids[1]))
    assert used == [set(ids[0]), set(ids[1])]


def test_a_figure_of_many_samples_stays_small() -> None:
    runs = [some_latency(100_000, f"run {number}", number + 1) for number in range(3)]
    assert len(latency_figure(*runs, alt=ALT).html) < 100_000


def test_nothing_of_matplotlib_changes_for_the_learner() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    PICTURES["one throughput"]()
    assert dict(matplotlib.rcParams) == before


def test_importing_figures_imports_no_matplotlib() -> None:
    code = "import helpers.figures, sys; sys.exit(bool({'matplotlib', 'tqdm'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("draw", [latency_figure, throughput_figure])
def test_alt_is_required(draw: Any) -> None:
    data = some_latency() if draw is latency_figure else TCP
    with pytest.raises(TypeError, match="alt"):
        draw(data)
    with pytest.raises(ValueError, match="alt="):
        draw(data, alt="")


@pytest.mark.parametrize("draw", [latency_figure, throughput_figure])
def test_none_or_too_many_measurements_are_refused(draw: Any) -> None:
    data = some_latency() if draw is latency_figure else TCP
    for count in (0, 6):
        with pytest.raises(ValueError, match=f"1 to 5 measurements.*got {count}"):
            draw(*[data] * count, alt=ALT)


# The latency figure


def test_axes_of_the_latency_figure_name_their_units() -> None:
    shown = texts(PICTURES["one latency"]())
    assert shown.count("Latency (logarithmic)") == 2
    assert "Calls that took no longer (%)" in shown
    assert "Percentile (%)" in shown
    assert "10 µs" in shown


def test_every_drawn_point_is_a_sample_at_its_rank(drawn: list[Any]) -> None:
    run = some_latency(5000)
    latency_figure(run, alt=ALT)
    shares, tail = (axes.lines[0] for axes in drawn[0].axes)
    samples = np.sort(run.nanoseconds) / 1e9
    for seconds, percent in zip(*shares.get_data(), strict=True):
        assert seconds == samples[round(percent / 100 * 5000) - 1]
    for stretched, seconds in zip(*tail.get_data(), strict=True):
        assert seconds == samples[round((1 - 1 / stretched) * 5000) - 1]
    assert shares.get_xdata()[0] == samples[0]
    assert shares.get_xdata()[-1] == samples[-1]


@pytest.mark.parametrize("count", [20, 21, 199, 200, 201, 1000, 12345])
def test_the_tail_ends_where_ten_samples_are_left(drawn: list[Any], count: int) -> None:
    latency_figure(some_latency(count), alt=ALT)
    (tail,) = drawn[0].axes[1].lines
    assert max(tail.get_xdata()) == count / 10
    ticks = [text.get_text() for text in drawn[0].axes[1].get_xticklabels()]
    assert ("99" in ticks) == (count >= 1000)


def test_p50_and_p99_are_marked_where_they_are(drawn: list[Any]) -> None:
    run = some_latency(5000)
    latency_figure(run, alt=ALT)
    line = drawn[0].axes[0].lines[0]
    marked = [line.get_xdata()[index] for index in line.get_markevery()]
    assert marked == [run.percentile(50), run.percentile(99)]


def test_runs_differ_in_colour_and_line_and_mark_and_are_named(drawn: list[Any]) -> None:
    picture = PICTURES["three latencies"]()
    lines = drawn[0].axes[0].lines
    for look in ("get_color", "get_linestyle", "get_marker"):
        assert len({getattr(line, look)() for line in lines}) == 3
    assert (
        sum(text.startswith(("echo (p50", "slow (p50", "slower (p50")) for text in texts(picture))
        == 3
    )


def test_too_few_samples_for_a_distribution_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 20 samples; 'echo' has 19"):
        latency_figure(some_latency(19), alt=ALT)


@pytest.mark.parametrize("samples", [(1000,) * 50, (0,) * 50, tuple(range(50)), (1, 10**11) * 25])
def test_odd_distributions_can_be_drawn(samples: tuple[int, ...]) -> None:
    assert "p50" in latency_figure(Latency("odd", samples), alt=ALT).html


# The throughput figure


def test_axes_of_the_throughput_figure_name_their_units() -> None:
    shown = texts(PICTURES["one throughput"]())
    assert "Message size (logarithmic)" in shown
    assert "Goodput (logarithmic)" in shown
    assert {"1 B", "16 B", "256 B", "4 KiB", "64 KiB", "1 MiB"} <= set(shown)
    assert {"10 Mbit/s", "100 Mbit/s", "1 Gbit/s", "10 Gbit/s"} <= set(shown)


def test_each_measured_size_has_a_mark(drawn: list[Any]) -> None:
    throughput_figure(TCP, alt=ALT)
    (line,) = drawn[0].axes[0].lines
    assert tuple(line.get_xdata()) == TCP.sizes
    assert tuple(line.get_ydata()) == TCP.bits_per_second
    assert line.get_marker() not in ("", "None")


def test_a_single_size_can_be_drawn() -> None:
    assert "1,000 B" in texts(throughput_figure(Throughput("one", (1000,), (5e6,), 1), alt=ALT))


# The building blocks


def test_an_axis_without_label_is_named() -> None:
    figure, (_, right) = new_figure(columns=2)
    figure.axes[0].set(xlabel="Time (s)", ylabel="Queue (B)")
    right.set(xlabel="Time (s)")
    with pytest.raises(ValueError, match="The y axis of plot 2 has no label"):
        picture_of(figure, kind="queue", alt="Two queues side by side, over time.")


def test_a_learners_own_figure_has_the_style_too() -> None:
    figure, (axes,) = new_figure()
    axes.plot([1, 2], [3, 4], label='<b>queue & "all"</b>')
    axes.axhline(3, color="black")
    axes.legend()
    axes.annotate("here", (1, 3))
    axes.set(xlabel="Time (s)", ylabel="Queue (B)")
    picture = picture_of(figure, kind="queue", alt='The "queue" & how it <b>grows</b>.')
    assert "<b>" not in picture.html
    assert '<b>queue & "all"</b>' in texts(picture)
    assert set(re.findall(r"#[0-9a-f]{6}\b", picture.html)) == {figures.COLOURS[0]}


def test_only_one_or_two_columns() -> None:
    with pytest.raises(ValueError, match="1 or 2"):
        new_figure(columns=3)
