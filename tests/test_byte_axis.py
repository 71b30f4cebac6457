"""The picture of one stream cut in several ways, and the connections of chosen pieces."""

from __future__ import annotations

import re

import pytest

from helpers.byte_axis import byte_axis
from helpers.fake_streams import Arriving


def boxes(html: str) -> list[tuple[float, float]]:
    found = re.findall(r'<rect x="([\d.]+)" y="\d+" width="([\d.]+)"[^>]*class="piece"', html)
    return [(float(x), float(width)) for x, width in found]


def test_pieces_lie_side_by_side_in_proportion() -> None:
    picture = byte_axis({"sent": [b"a", b"bbb"], "got": [4]}, alt="Cut once.")
    first, second, whole = boxes(picture._repr_html_())
    assert second[1] == pytest.approx(3 * first[1], abs=0.3)
    assert first[0] + first[1] == pytest.approx(second[0], abs=0.2)
    assert whole[1] == pytest.approx(first[1] + second[1], abs=0.3)


def test_it_is_told_in_words() -> None:
    picture = byte_axis({"sent": [(b"\x00\x02", "length"), b"hi"], "got": [4]}, alt="Cut once.")
    assert repr(picture) == "Cut once. sent: 2 pieces, 4 bytes; got: 1 piece, 4 bytes."
    assert "length \\x00\\x02 (2 bytes), hi (2 bytes)" in picture._repr_html_()


def test_nothing_to_draw_is_said() -> None:
    assert "no bytes" in repr(byte_axis({"sent": []}, alt="Nothing."))


def test_very_many_pieces_stay_a_small_picture() -> None:
    assert len(byte_axis({"sent": [1] * 20_000}, alt="Many.")._repr_html_()) < 400_000


def test_a_connection_never_gives_more_than_one_piece() -> None:
    conn = Arriving([b"he", b"", b"llo"])
    assert [conn.recv(3), conn.recv(2)] == [b"he", b"ll"]
    assert (conn.taken, conn.asked) == (4, 3)
    assert conn.recv(0) == b""
    assert conn.rest() == b"o"


def test_a_negative_size_is_refused_as_by_a_socket() -> None:
    with pytest.raises(ValueError, match="negative buffersize"):
        Arriving([b"x"]).recv(-1)
