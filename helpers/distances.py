"""How far cities are from each other, and what that costs a request: delays for a wire.

>>> round(kilometres("Berlin", "Sydney"), -2)
16100.0
>>> f"{1000 * one_way('Berlin', 'Sydney'):.0f} ms"
'79 ms'

These delays are computed, not measured: the shortest way over the globe, at the speed of light
in glass. Real cables are longer, and routers take their time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .figures import new_figure, picture_of
from .measure import Throughput
from .pictures import COLOURS, GREY, Picture

# Latitude and longitude in degrees; north and east are positive.
CITIES = {
    "Berlin": (52.5, 13.4),
    "Paris": (48.9, 2.4),
    "Lagos": (6.5, 3.4),
    "New York": (40.7, -74.0),
    "Singapore": (1.3, 103.8),
    "São Paulo": (-23.6, -46.6),
    "Sydney": (-33.9, 151.2),
}
EARTH_RADIUS = 6371.0  # km, the mean
LIGHT_IN_FIBRE = 299_792.458 / 1.468  # km a second: the index of silica fibre at 1,550 nm

_MARKERS = ("o", "s", "^", "D")


def kilometres(here: str, there: str) -> float:
    """The great-circle distance of two of the `CITIES`. ValueError if one is not among them."""
    for city in (here, there):
        if city not in CITIES:
            raise ValueError(f"No city {city!r}; there are {', '.join(CITIES)}.")
    (lat1, lon1), (lat2, lon2) = (map(math.radians, CITIES[city]) for city in (here, there))
    # The haversine formula: exact enough also where the two are near.
    half = math.sin((lat2 - lat1) / 2) ** 2
    half += math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS * math.asin(math.sqrt(half))


def one_way(here: str, there: str) -> float:
    """Seconds that light in a straight fibre takes from one city to the other."""
    return kilometres(here, there) / LIGHT_IN_FIBRE


def page_goodput(
    get: Callable[[int], object], *, sizes: Iterable[int], seconds: float = 0.2, label: str
) -> Throughput:
    """The goodput of pages that are fetched one after the other.

    Parameters
    ----------
    get : callable
        Takes a size in bytes; returns once a page of that size has come.
    sizes : iterable of int
        Of the pages.
    seconds : float
        How long, at least, pages of one size are fetched; and one page at least.
    label : str
        What is measured.
    """
    ordered = tuple(sorted(set(sizes)))
    rates = []
    for size in ordered:
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds or not count:
            get(size)
            count += 1
        rates.append(8 * size * count / (time.perf_counter() - began))
    return Throughput(label, ordered, tuple(rates), seconds)


def distance_figure(
    rows: Mapping[str, Mapping[str, float]], *, here: str, caption: str = ""
) -> Picture:
    """The times of requests against the distance; grey lines for one to four round trips.

    Parameters
    ----------
    rows : dict
        For each city, seconds by what was measured: {"Paris": {"kept": 0.009}}. At most four
        kinds, the same for each city.
    here : str
        The city that they were sent from.
    caption : str
        Where the measurements come from.

    Raises
    ------
    ValueError
        If there is no row, or a city is not among the `CITIES`.
    """
    if not rows:
        raise ValueError("distance_figure() needs at least one city.")
    figure, (axes,) = new_figure()
    far = max(kilometres(here, city) for city in rows)
    for trips in range(1, 5):
        end = 1000 * trips * 2 * far / LIGHT_IN_FIBRE
        axes.plot([0, far], [0, end], color=GREY, linewidth=0.8, linestyle="--")
        words = f"{trips} round trip{'s' * (trips > 1)}"
        place: dict[str, Any] = {"xytext": (9, 0), "textcoords": "offset points"}
        axes.annotate(words, (far, end), va="center", fontsize=9, annotation_clip=False, **place)
    for kind, marker, colour in zip(next(iter(rows.values())), _MARKERS, COLOURS, strict=False):
        points = sorted((kilometres(here, city), 1000 * row[kind]) for city, row in rows.items())
        axes.plot(*zip(*points, strict=True), marker, color=colour, label=kind)
    axes.set(xlabel=f"Distance from {here} (km)", ylabel="Time until the page is there (ms)")
    axes.set(xlim=(0, far * 1.25), ylim=(0, None))
    figure.legend(loc="outside upper left", ncols=2)
    told = "; ".join(
        f"{city}, {kilometres(here, city):,.0f} km: "
        + ", ".join(f"{kind} {1000 * seconds:.0f} ms" for kind, seconds in row.items())
        for city, row in rows.items()
    )
    alt = f"Times of a small page against distance, at whole numbers of round trips. {told}."
    return picture_of(figure, kind="distance", alt=alt, caption=f"{told}. {caption}".strip())
