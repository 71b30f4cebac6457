"""Points for the exercises, by nbgrader: the metadata that it reads from the check cells.

    python -m helpers.grading [--verify] [notebooks/01_layers.ipynb …]

writes the metadata into the notebooks, all by default; with `--verify` it writes nothing, and
its exit status is 1 if any lacks it. All else stays as it is, byte for byte.

Only the check cells are nbgrader's: it restores them before it grades, and reads the points from
what `helpers.practice.Verdict` shows there. The cells of the starters are not marked as solutions,
because nbgrader would put a stub of its own in the place of one; so a release has the starters as
they are, and there is no solution in it to be cleared.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from .exercises import exercise

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
_CHECK = re.compile(r'check\("([^"]+)", \w+\)')


def metadata(key: str) -> dict[str, Any]:
    """What nbgrader wants to know of the check cell of an exercise; its third schema."""
    return {
        "grade": True,
        "grade_id": key,
        "locked": True,
        "points": exercise(key).points,
        "schema_version": 3,
        "solution": False,
        "task": False,
    }


def marked(notebook: str) -> str:
    """The text of a notebook's file, with nbgrader's metadata in its check cells and nowhere else.

    Raises
    ------
    ValueError
        If an exercise is checked twice, or is not known; if the file is not written as
        nbformat writes it, so that more than the metadata would change.
    """
    content = json.loads(notebook)
    if _written(content) != notebook:
        raise ValueError("It is not written as nbformat writes it: open and save it in JupyterLab.")
    seen = set()
    for cell in content["cells"]:
        cell["metadata"].pop("nbgrader", None)
        found = cell["cell_type"] == "code" and _CHECK.fullmatch("".join(cell["source"]).strip())
        if found:
            key = found[1]
            if key in seen:
                raise ValueError(f"{key} is checked twice.")
            seen.add(key)
            cell["metadata"] = dict(sorted({**cell["metadata"], "nbgrader": metadata(key)}.items()))
    return _written(content)


def _written(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description="Write nbgrader's metadata into the check cells.")
    parser.add_argument(
        "notebooks", nargs="*", type=Path, default=sorted(NOTEBOOKS.glob("*.ipynb"))
    )
    parser.add_argument("--verify", action="store_true", help="write nothing, name what lacks it")
    asked = parser.parse_args()
    lacking = False
    for path in asked.notebooks:
        before = path.read_text("utf-8")
        try:
            after = marked(before)
        except ValueError as error:
            parser.error(f"{path}: {error}")
        if after != before:
            lacking = True
            print(path)
            if not asked.verify:
                path.write_text(after, "utf-8", newline="\n")
    return int(lacking and asked.verify)


if __name__ == "__main__":
    sys.exit(main())
