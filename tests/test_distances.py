"""Distances, and what they cost."""

from __future__ import annotations

import pytest

from helpers.distances import CITIES, distance_figure, kilometres, one_way, page_goodput


@pytest.mark.parametrize(
    ("here", "there", "km"),
    # Great circles between these cities as atlases have them, to within 2 %.
    [("Berlin", "Paris", 880), ("Berlin", "New York", 6390), ("Berlin", "Sydney", 16090)],
)
def test_distances(here: str, there: str, km: float) -> None:
    assert kilometres(here, there) == pytest.approx(km, rel=0.02)
    assert kilometres(there, here) == pytest.approx(kilometres(here, there))


def test_a_city_is_no_way_from_itself_and_none_is_beyond_the_other_side() -> None:
    assert all(kilometres(city, city) == 0 for city in CITIES)
    assert max(kilometres(a, b) for a in CITIES for b in CITIES) < 20_040


def test_light_in_glass_takes_5_microseconds_a_kilometre() -> None:
    ratio = one_way("Berlin", "Sydney") / kilometres("Berlin", "Sydney")
    assert ratio == pytest.approx(4.9e-6, rel=0.01)


def test_an_unknown_city_is_named() -> None:
    with pytest.raises(ValueError, match="No city 'Atlantis'"):
        one_way("Berlin", "Atlantis")


def test_each_size_is_fetched_for_a_while_and_once_at_least() -> None:
    sizes: list[int] = []
    rates = page_goodput(sizes.append, sizes=(10, 1000, 10), seconds=0, label="nothing")
    assert sizes == [10, 1000]
    assert rates.sizes == (10, 1000)
    assert rates.label == "nothing"


def test_the_figure_tells_all_it_shows() -> None:
    rows = {"Paris": {"kept": 0.009, "new": 0.018}, "Sydney": {"kept": 0.158, "new": 0.316}}
    picture = distance_figure(rows, here="Berlin", caption="Measured.")
    assert "Sydney, 16,097 km: kept 158 ms, new 316 ms" in picture.alt
    assert picture.caption.endswith("Measured.")
    assert "4 round trips" in picture.html
    with pytest.raises(ValueError, match="at least one city"):
        distance_figure({}, here="Berlin")
