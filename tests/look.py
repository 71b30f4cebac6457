"""Look at notebooks as a learner sees them, in a real JupyterLab.

    python tests/look.py [--dark] [--width 800] [--shots DIR] notebooks/00_start_here.ipynb …

opens each notebook, runs all its cells, prints what is wrong with it, and writes pictures of
it from top to bottom. The exit status is 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from lab import Lab


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Open notebooks in JupyterLab, run them, and say what is wrong."
    )
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--dark", action="store_true", help="in JupyterLab's dark theme")
    parser.add_argument("--width", type=int, default=1200, help="of the window, in pixels")
    parser.add_argument("--shots", type=Path, help="write pictures into this folder")
    asked = parser.parse_args()
    folders = {path.resolve().parent for path in asked.notebooks}
    if len(folders) > 1:
        parser.error("all notebooks have to be in one folder")
    bad = False
    with Lab(folders.pop()) as lab:
        for path in asked.notebooks:
            with lab.open(path.name, dark=asked.dark, width=asked.width) as notebook:
                began = time.monotonic()
                notebook.run_all()
                took = time.monotonic() - began
                problems = notebook.problems()
                print(f"{path}: {len(problems)} problems, {took:.0f} s", *problems, sep="\n  ")
                if asked.shots:
                    name = f"{path.stem}-{asked.width}-{'dark' if asked.dark else 'light'}"
                    print(*notebook.screenshots(asked.shots, name), sep="\n")
                bad |= bool(problems)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
