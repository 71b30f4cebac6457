"""A hub on this machine, without containers, and a class of learners on it at the same time.

    sudo .venv/bin/python .hub/load_test.py --learners 30

As root: it makes an account for each learner, as The Littlest JupyterHub does, and removes
them all at the end. It needs git, and Node.js with npm for the hub's proxy. JupyterHub goes
into an environment of its own, with the course. Everything listens on loopback.

First one learner runs notebooks alone. Then each learner follows a link that brings the
notebooks (nbgitpuller), and all run one at the same moment, dealt round. Reported: cells that
failed, how much slower it was, and memory. The exit status is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import pwd
import re
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from accounts_hub import ROOT, accounts, hub, left_by, prepare, repository
from learner import Hub, Result
from processes import Memory, family_of, pss

ACCOUNT = "course-hub-{:02}"


async def alone(there: Hub, learner: str, repo: str, notebooks: list[str]) -> list[Result]:
    await there.start(learner)
    await there.pull(learner, repo)
    results = []
    for notebook in notebooks:
        results.append(await there.run(learner, notebook))
        tell(results[-1])
    await there.stop(learner)
    return results


async def together(
    there: Hub, learners: list[str], repo: str, notebooks: list[str], memory: Memory
) -> list[Result]:
    began = time.monotonic()
    await asyncio.gather(*(there.start(learner) for learner in learners))
    print(f"{len(learners)} servers are up after {time.monotonic() - began:.0f} s", flush=True)
    few = asyncio.Semaphore(4)  # git's own daemon turns larger crowds away

    async def bring(learner: str) -> None:
        async with few:
            await there.pull(learner, repo)

    await asyncio.gather(*map(bring, learners))
    await there.follow(learners[0], repo, notebooks[0])
    print(f"all have the notebooks after {time.monotonic() - began:.0f} s", flush=True)

    idle = median(memory.now()[learner] for learner in learners) / (1 << 20)
    print(f"a server without a kernel: {idle:.0f} MiB in the median", flush=True)

    async def work(learner: str, notebook: str) -> Result:
        result = await there.run(learner, notebook)
        tell(result)
        return result

    deals = [notebooks[n % len(notebooks)] for n in range(len(learners))]
    return await asyncio.gather(*map(work, learners, deals))


def tell(result: Result) -> None:
    print(f"{result.learner} {result.notebook}: {result.cells} cells, {result.seconds:.0f} s")
    for failure in result.failures:
        print(f"    FAILED {failure}")
    sys.stdout.flush()


def report(single: list[Result], crowd: list[Result], one: Memory, many: Memory) -> bool:
    """Print what was measured; True if all is well."""
    mebibytes = 1 << 20
    took = {result.notebook: result.seconds for result in single}
    print(f"\n{'notebook':28}{'alone':>8}{'together':>10}{'slower':>8}")
    for notebook in took:
        times = [result.seconds for result in crowd if result.notebook == notebook]
        slower = median(times) / took[notebook]
        print(f"{notebook:28}{took[notebook]:6.0f} s{median(times):8.0f} s{slower:7.1f}x")
    compared = [result for result in crowd if result.notebook in took]
    slower = median(result.seconds / took[result.notebook] for result in compared)
    peaks = sorted(many.peak[result.learner] / mebibytes for result in crowd)
    last = max(result.seconds for result in crowd)
    print(
        f"\n{len(crowd)} learners on {os.cpu_count()} cores: in the median {slower:.1f} times "
        f"slower than alone; the last one is done after {last:.0f} s.\n"
        f"Memory of a learner (server and kernel, proportional, at its peak): "
        f"{max(one.peak.values()) / mebibytes:.0f} MiB alone; "
        f"together median {median(peaks):.0f}, most {peaks[-1]:.0f} MiB.\n"
        f"All learners at the same time: {many.peak_of_all / mebibytes:,.0f} MiB at most."
    )
    failed = [result for result in single + crowd if result.failures]
    cells = sum(result.cells for result in crowd)
    for result in failed:
        print(f"FAILED: {result.learner} {result.notebook}: {'; '.join(result.failures)}")
    print(f"{cells} cells of {len(crowd)} learners: {len(failed)} notebooks with a failure.")
    return not failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--learners", type=int, default=30)
    parser.add_argument("--notebooks", nargs="*", metavar="NN", help="their numbers; default: all")
    parser.add_argument("--alone", type=int, default=99, help="so many alone before; default: all")
    parser.add_argument("--environment", type=Path, help="where to install and keep, to go faster")
    parser.add_argument("--python", default="/usr/bin/python3", help="one that any user may run")
    chosen = parser.parse_args()
    if os.geteuid() != 0 or not shutil.which("npm") or not shutil.which("git"):
        parser.error("needs root (it makes accounts for the learners), git and npm")
    notebooks = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    if chosen.notebooks:
        notebooks = [name for name in notebooks if name.split("_")[0] in chosen.notebooks]
    # The first is the one who works alone: later, all others start afresh as that one did.
    names = [ACCOUNT.format(number) for number in range(chosen.learners + 1)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="course-hub.")))
        folder.chmod(0o711)  # learners pass through to their homes
        environment = (chosen.environment or folder / "environment").resolve()
        environment.mkdir(parents=True, exist_ok=True)
        prepare(environment, chosen.python)
        stack.enter_context(accounts(names, folder))
        repo = stack.enter_context(repository(environment / "course", folder))
        there = stack.enter_context(hub(environment, folder))
        first = max(1, chosen.alone)
        return 0 if asyncio.run(measured(there, names, repo, notebooks, first)) else 1


async def measured(
    there: Hub, names: list[str], repo: str, notebooks: list[str], first: int
) -> bool:
    """The test itself. So many notebooks are run `first`, alone."""
    uids = {pwd.getpwnam(name).pw_uid: name for name in names}
    await there.is_up()
    await there.ask("POST", "/hub/api/users", {"usernames": names})
    dealt = notebooks[: len(names) - 1]
    with Memory(uids) as one:
        single = await alone(there, names[0], repo, dealt[:: math.ceil(len(dealt) / first)])
    with Memory(uids) as many:
        crowd = await together(there, names[1:], repo, dealt, many)
        own = sum(map(pss, family_of(there.pid))) >> 20
    print(f"\nThe hub and its proxy: {own} MiB.", end="")
    well = report(single, crowd, one, many)
    clashes = re.findall(r"^.*(?:already in use|EADDRINUSE).*$", there.log.read_text(), re.M)
    print(f"Clashes of ports in the log of the hub and of all servers: {len(clashes)}.")
    print("\n".join(clashes[:5]))
    left = sorted({re.sub("\\d+", "N", entry.name) for uid in uids for entry in left_by(uid)})
    print(f"Left in the folders that all share, each under its owner's name: {left}.")
    return well and not clashes


if __name__ == "__main__":
    sys.exit(main())
