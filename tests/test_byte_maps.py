"""The byte map: its digits are the packet's, and each is tied to exactly its fields."""

from __future__ import annotations

import re
import shutil
from collections import defaultdict
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_fields import ETHER, EXAMPLES, IP, SYN

from helpers.byte_maps import byte_map, field_map
from helpers.fields import Field, fields, packet_bytes
from helpers.packets import OWN_FRAME, RAW, RECONSTRUCTED, RECORDING, Packet

HTTP = b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n" * 40


class Page(HTMLParser):
    """The byte map read back: balanced tags, the fields' boxes, and the dump's digits."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str]]] = []
        self.boxes: list[dict[str, str]] = []
        self.texts: dict[str, str] = {}  # field's class -> the words for a screen reader
        self.digits = ""
        self.places: dict[str, set[int]] = defaultdict(set)  # field's class -> places of digits
        self.tags: set[str] = set()
        self.feed(html)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self.open.append((tag, attributes))
        if "c" in attributes.get("class", "").split():
            self.boxes.append(attributes)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        classes = [attributes.get("class", "").split() for _, attributes in self.open]
        tags = [tag for tag, _ in self.open]
        if ["x"] in classes and "i" not in tags:
            for digit in re.findall("[0-9a-f]", data):
                for name in classes[-1]:
                    self.places[name].add(len(self.digits))
                self.digits += digit
        if classes and classes[-1] == ["d"]:
            self.texts[classes[-2][1]] = data


def shown(packet: Any, **options: Any) -> Page:
    return Page(byte_map(packet, **options)._repr_html_())


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_dump_is_the_packet_and_each_digit_carries_exactly_its_fields(name: str) -> None:
    page = shown(EXAMPLES[name])
    data = packet_bytes(EXAMPLES[name])
    assert page.digits == data.hex()
    for number, field in enumerate(fields(EXAMPLES[name])):
        nibbles = set(range(field.start // 4, (field.end + 3) // 4))
        assert page.places[f"f{number}"] == nibbles, field


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_field_has_one_box_to_focus_with_its_words(name: str) -> None:
    page = shown(EXAMPLES[name])
    focusable = [box["class"].split()[1] for box in page.boxes if box.get("tabindex") == "0"]
    assert focusable == [f"f{number}" for number in range(len(fields(EXAMPLES[name])))]
    for number, field in enumerate(fields(EXAMPLES[name])):
        words = page.texts[f"f{number}"]
        assert words.startswith(f"{field.layer} {field.name}, bit")
        assert field.value in words
        assert field.meaning in words


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_boxes_of_a_header_fill_rows_of_32_bits(name: str) -> None:
    page = shown(EXAMPLES[name])
    found = fields(EXAMPLES[name])
    column, layer = 0, ""
    for box in page.boxes:
        field = found[int(box["class"].split()[1].removeprefix("f"))]
        if field.layer != layer:
            column, layer = 0, field.layer
        width = int(box["style"].removeprefix("--w:"))
        assert 0 < width <= 32 - column
        column = (column + width) % 32


def test_words_give_the_bits_within_the_header_the_value_and_the_bytes() -> None:
    words = shown(SYN).texts.values()
    source = next(text for text in words if text.startswith("TCP Source Port"))
    assert source == "TCP Source Port, bits 0 to 15: 43642, bytes aa 7a. In scapy: sport."


def test_only_the_wanted_layers_are_drawn_and_the_other_digits_are_dimmed() -> None:
    page = shown(SYN, layers=("TCP",))
    drawn = {int(box["class"].split()[1].removeprefix("f")) for box in page.boxes}
    found = fields(SYN)
    assert {found[number].layer for number in drawn} == {"TCP"}
    assert page.digits == SYN.hex()
    assert page.places["z"] == set(range(2 * 34))


def test_an_unknown_layer_is_refused_with_the_packets_layers() -> None:
    with pytest.raises(ValueError, match="no 'UDP' header; it has Ethernet, IPv4, TCP"):
        byte_map(SYN, layers=("UDP",))


def test_a_packet_without_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="no bytes"):
        byte_map(b"")


def test_what_the_packet_and_the_caller_say_cannot_become_html() -> None:
    attack = b"<script>alert(1)</script>\"'&amp;"
    for size in (len(attack), 600):
        picture = byte_map(ETHER / IP / attack.ljust(size, b"<"), title="<img src=x>")
        html = picture._repr_html_()
        assert not Page(html).tags & {"script", "img"}
        assert "&lt;script&gt;" in html


def test_a_long_payload_is_cut_and_says_by_how_much() -> None:
    import scapy.layers.inet as inet

    packet = ETHER / IP / inet.TCP() / HTTP
    html = byte_map(packet)._repr_html_()
    page = Page(html)
    data = bytes(packet)
    assert data.hex().startswith(page.digits)
    assert f"{len(data) - len(page.digits) // 2:,} bytes are not drawn" in html
    assert f"{len(data) - len(page.digits) // 2:,} more bytes are not drawn." in html
    assert len(html) < 40_000


def test_bytes_after_a_long_payload_are_drawn() -> None:
    packet = bytes(ETHER / IP / HTTP) + b"trailing bytes after the end"
    page = shown(packet)
    number = len(fields(packet)) - 1
    assert fields(packet)[number].layer == "Padding"
    digits = "".join(page.digits[place] for place in sorted(page.places[f"f{number}"]))
    assert bytes.fromhex(digits) == b"trailing bytes after the end"


def test_the_description_says_who_sends_what_to_whom() -> None:
    picture = byte_map(SYN)
    assert picture.kind == "byte map"
    assert picture.alt == (
        "Byte map of 74 bytes from 127.0.0.1 port 43642 to 127.0.0.1 port 45765: "
        "Ethernet, IPv4 (DF), TCP (SYN)."
    )
    html = picture._repr_html_()
    assert 'aria-label="Byte map of 74 bytes' in html
    assert len(html) < 60_000


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(EXAMPLES)), st.data())
def test_damaged_packets_are_drawn_too(name: str, draw: st.DataObject) -> None:
    data = bytearray(packet_bytes(EXAMPLES[name]))
    for bit in draw.draw(st.lists(st.integers(0, 8 * len(data) - 1), max_size=4)):
        data[bit // 8] ^= 1 << bit % 8
    damaged = bytes(data[: draw.draw(st.integers(1, len(data)))])
    assert damaged.hex().startswith(shown(damaged).digits)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        *((RAW, "raw capture"), (OWN_FRAME, "handed back by the kernel")),
        *((RECORDING, "recording"), (RECONSTRUCTED, "reconstructed: not seen")),
    ],
)
def test_the_caption_says_where_the_packet_comes_from(source: str, says: str) -> None:
    assert says in byte_map(Packet(0, SYN, source)).caption
    assert byte_map(SYN).caption == "74 bytes, built here, never sent."


@pytest.mark.browser
@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed")
def test_in_a_browser_fields_and_digits_light_each_other_in_their_own_map(tmp_path: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    both = byte_map(SYN)._repr_html_() + byte_map(SYN)._repr_html_()
    page_file = tmp_path / "maps.html"
    page_file.write_text(f"<!doctype html><meta charset=utf-8><body>{both}")
    found = [f"{field.layer} {field.name}" for field in fields(SYN)]
    port, syn, ack = (found.index(f"TCP {name}") for name in ("Source Port", "SYN", "ACK"))
    lit = "rgb(0, 114, 178)"
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 700, "height": 900})
        page.goto(page_file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 700

        def colours(part: str, number: int) -> list[str]:
            script = "all => all.map(one => getComputedStyle(one).backgroundColor)"
            return page.eval_on_selector_all(f"{part} .f{number}", script)

        assert lit not in colours(".x", port) + colours(".g", port)
        page.locator(f".g .f{port}").first.hover()
        assert colours(".x", port)[0] == lit
        assert lit not in colours(".x", port)[1:] + colours(".x", syn)
        page.locator(f".x .f{syn}").first.hover()  # four flags share this digit
        assert colours(".g", syn)[0] == lit
        assert lit not in colours(".g", ack) + colours(".g", syn)[1:]
        page.mouse.move(0, 0)
        page.locator(f".g .f{ack}").nth(1).focus()
        assert colours(".x", ack)[1] == lit
        assert colours(".x", ack)[0] != lit
        browser.close()


def test_bytes_that_are_no_packet_are_drawn_by_the_fields_that_are_given() -> None:
    found = [Field("Greeting", "Kind", 0, 8, "7"), Field("Greeting", "Text", 8, 40, '"hello"')]
    picture = field_map(b"\7hello", found, alt="Byte map of a greeting.", caption="Made here.")
    page = Page(picture._repr_html_())
    assert page.digits == b"\7hello".hex()
    assert page.places["f1"] == set(range(2, 12))
    assert picture.alt == "Byte map of a greeting."
    with pytest.raises(ValueError, match="no 'TCP' header; it has Greeting"):
        field_map(b"\7", found[:1], alt="Byte map of a greeting.", caption="", layers="TCP")
