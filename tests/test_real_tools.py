"""The server and the client of notebook 04, as the reference solutions have them, talk to the
platform's own tools: nc, curl and socat, each where it is installed."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from typing import IO, Any

import pytest

from helpers import own_server
from helpers.exercises import exercise

SECONDS = 10.0  # for one answer of a tool; a failing test takes so long, a passing one does not
ANSWER = b"all work and no play\n" * 5_000
Process = subprocess.Popen[bytes]


def solution(key: str) -> Callable[..., Any]:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(exercise(key).solution, namespace)
    function: Callable[..., Any] = namespace[exercise(key).name]
    return function


ask = solution("04-client")
serve_all = solution("04-server")


def needs(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not shutil.which(tool), reason=f"{tool} is not installed")


@cache
def nc_ends_its_stream() -> bool:
    """Whether this nc is OpenBSD's, which has -N: end the stream at the end of the input."""
    if not shutil.which("nc"):
        return False
    said = subprocess.run(["nc", "-h"], capture_output=True, stdin=subprocess.DEVNULL)
    return b"OpenBSD" in said.stdout + said.stderr


NEEDS_OPENBSD_NC = pytest.mark.skipif(
    not nc_ends_its_stream(), reason="OpenBSD's nc is not installed: others have other options"
)


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    """Where the learner's server listens; the fixture ends only if serve_all returns."""
    with own_server(serve_all) as address:
        yield address


@contextlib.contextmanager
def running(*command: str) -> Iterator[Process]:
    """The tool, in a group of its own; at the end nothing of it is left."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def read_until(stream: IO[bytes] | None, wanted: bytes) -> bytes:
    """What the tool wrote, up to the pattern; or all of it, if the pattern does not come."""
    assert stream is not None
    got = b""
    while not re.search(wanted, got):
        if not select.select([stream], [], [], SECONDS)[0]:
            break
        if not (piece := os.read(stream.fileno(), 65536)):
            break
        got += piece
    return got


def client_command(tool: str, address: tuple[str, int]) -> list[str]:
    host, port = address
    return {
        "nc": ["nc", host, str(port)],
        "curl": ["curl", "--silent", "--no-buffer", "--noproxy", "*", f"telnet://{host}:{port}"],
        "socat": ["socat", "-", f"TCP:{host}:{port}"],
        "socat that resets": ["socat", "-", f"TCP:{host}:{port},linger=0"],
    }[tool]


# ------------------------------------------------------------------ the tools as clients


@pytest.mark.parametrize(
    "tool",
    [
        pytest.param(tool, marks=needs(tool.split()[0]))
        for tool in ("nc", "curl", "socat", "socat that resets")
    ],
)
def test_the_server_answers_a_tool_line_by_line_and_outlives_it(
    tool: str, address: tuple[str, int]
) -> None:
    with running(*client_command(tool, address)) as process:
        assert process.stdin is not None
        for line in (b"hello\n", "and a café\n".encode()):
            process.stdin.write(line)
            assert read_until(process.stdout, b"\n") == line.upper()
    assert ask(address, b"who is next?") == b"WHO IS NEXT?"


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("nc -N {} {}", marks=NEEDS_OPENBSD_NC),
        pytest.param(f"socat -t {SECONDS} - TCP:{{}}:{{}}", marks=needs("socat")),
    ],
)
def test_the_server_closes_when_a_tool_has_ended_its_stream(
    command: str, address: tuple[str, int]
) -> None:
    with running(*command.format(*address).split()) as process:
        answer, complaints = process.communicate(ANSWER, timeout=SECONDS)
        assert (answer, complaints) == (ANSWER.upper(), b"")
        assert process.returncode == 0


# ------------------------------------------------------------------ the tools as servers


@needs("socat")
@needs("tr")
def test_the_client_gets_the_whole_answer_of_a_socat_server() -> None:
    # tr ends, and socat closes, only when the client has ended its stream.
    command = ["socat", "-d", "-d", "-t", f"{SECONDS}", "TCP-LISTEN:0,bind=127.0.0.1"]
    with running(*command, "EXEC:tr a-z A-Z") as process:
        said = read_until(process.stderr, rb"listening on .*:\d+\n")
        found = re.search(rb"listening on .*:(\d+)\n", said)
        assert found, said
        assert ask(("127.0.0.1", int(found[1])), ANSWER) == ANSWER.upper()
        assert process.wait(SECONDS) == 0


@NEEDS_OPENBSD_NC
def test_the_client_gets_the_answer_of_a_listening_nc() -> None:
    with running("nc", "-l", "-v", "127.0.0.1", "0") as process:
        said = read_until(process.stderr, rb"Listening on .* \d+\n")
        found = re.search(rb"Listening on .* (\d+)\n", said)
        assert found, said
        # A listening nc ends with the client's stream, and sends only what it was given before.
        assert process.stdin is not None
        process.stdin.write(ANSWER[:1000])
        process.stdin.close()
        assert ask(("127.0.0.1", int(found[1])), b"what do you do?") == ANSWER[:1000]
        assert read_until(process.stdout, b"[?]") == b"what do you do?"
        assert process.wait(SECONDS) == 0
