"""One group of `fuzz_targets.py` under atheris, for so many seconds: coverage-guided fuzzing.

    python tests/fuzz.py packets 10

Needs atheris (the dev extra). The seeds are those of `mutations.py`. Ends with an error, and
the input that caused it, when the target raised what it should not, or hangs.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

SLOW = 5  # seconds for one input: more is a hang


def main(name: str, seconds: int) -> None:
    import atheris

    # What is watched: the course's own modules. Those of scapy would make it ten times slower.
    with atheris.instrument_imports(include=["helpers", "fuzz_helpers", "fuzz_solutions"]):
        import fuzz_solutions
        from fuzz_targets import GROUPS, group
        from mutations import seeds
    fuzz_solutions.prepare.append(atheris.instrument_func)

    with tempfile.TemporaryDirectory() as folder:
        for place, target in enumerate(GROUPS[name]):
            for number, seed in enumerate(seeds(target)[:20]):
                Path(folder, f"{place}-{number}").write_bytes(bytes([place]) + seed[:600])
        options = [f"-max_total_time={seconds}", f"-timeout={SLOW}", "-max_len=600"]
        options += ["-seed=1", "-print_final_stats=1", f"-artifact_prefix={folder}/"]
        os.environ.setdefault("COURSE_PROGRESS", "off")
        atheris.Setup([sys.argv[0], *options, folder], group(name))
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
