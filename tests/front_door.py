"""The pictures of the README, each made by running its notebook in a real JupyterLab.

    python tests/front_door.py [notebooks/05_tcp_streams.ipynb …]

Runs the notebooks (all by default), and writes the picture of one cell of each, and three large
ones, into `.github/pictures`. Needs the dev extra and chromium.
"""

from __future__ import annotations

import sys
from pathlib import Path

from lab import Lab

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".github/pictures"
WIDTH = 1000  # pixels, of the window
SMALL = 480  # pixels, of a picture in the outline: shown at half of that
LARGE = {
    "byte-map": ("00_start_here", "packet-map"),
    "ladder": ("04_tcp_connections", "steps-ladder"),
    "congestion-window": ("07_reliability", "window-quic"),
}
SMALL_ONES = {
    "00_start_here": "latency-plot",
    "01_layers": "bars",
    "02_links_and_ip": "wires-compare",
    "02b_icmp_and_mtu": "back-plot",
    "03_sockets": "ports-plot",
    "03b_socket_kinds": "ways-figure",
    "04_tcp_connections": "cost-wire",
    "04b_tcp_closing": "states-strip",
    "05_tcp_streams": "pieces-picture",
    "05b_flow_control": "zero-run",
    "06_udp": "drops-slider",
    "06b_asking_by_datagram": "retry-slider",
    "07_reliability": "algorithms-slider",
    "08_concurrency": "figure",
    "09_event_loops": "bug2-silence",
    "09b_your_own_loop": "race-plot",
    "09c_asyncio": "lag-plot",
    "10_timeouts_and_errors": "cut-figure",
    "11_ipv6": "race-slider",
    "12_protocols": "trips-figure",
    "13_tls": "trips-run",
    "14_going_global": "far-figure",
    "15_capstone": "slow-plot",
    "15b_under_load": "log-plot",
}


def main(*asked: str) -> None:
    paths = [Path(name) for name in asked] or sorted((ROOT / "notebooks").glob("*.ipynb"))
    FOLDER.mkdir(exist_ok=True)
    with Lab(ROOT / "notebooks") as lab:
        for path in paths:
            with lab.open(path.name, width=WIDTH) as notebook:
                notebook.run_all()
                notebook.page.set_viewport_size({"width": WIDTH, "height": 2400})
                wanted = {path.stem: SMALL_ONES[path.stem]}
                wanted |= {name: cell for name, (stem, cell) in LARGE.items() if stem == path.stem}
                for name, cell in wanted.items():
                    file = FOLDER / f"{name}.png"
                    picture = notebook.output(cell).locator("[data-picture]").first
                    drawn = picture.locator("svg").first  # without the words below it
                    (drawn if drawn.count() else picture).screenshot(path=file)
                    _small(file, None if name in LARGE else SMALL)
                    print(file)


def _small(file: Path, width: int | None) -> None:
    """Write the picture anew with few colours, and so wide."""
    from PIL import Image

    with Image.open(file) as image:
        picture = image.convert("RGB")
        if width and picture.width > width:
            picture = picture.resize((width, round(picture.height * width / picture.width)))
        picture.quantize(64).save(file, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
