"""The HTTP server of notebook 12, as the reference solution has it, talks to real clients: curl
and wget, each where it is installed, and http.client."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from helpers import serve_tcp
from helpers.exercises import exercise

SECONDS = 10.0
PAGES = {"/": b"hello\n", "/long": b"all work and no play\n" * 20_000}
CURL = ["curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", "10"]


def solution(key: str) -> Any:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(exercise(key).solution, namespace)
    return namespace[exercise(key).name]


def needs(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not shutil.which(tool), reason=f"{tool} is not installed")


@pytest.fixture
def url() -> Iterator[str]:
    answer_all = solution("12-server")

    def talk(conn: Any) -> None:
        answer_all(conn, PAGES)

    with serve_tcp(talk) as server:
        yield f"http://127.0.0.1:{server.address[1]}"
        assert server.errors == []


def run(*command: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)


@needs("curl")
def test_curl_gets_several_pages_over_one_connection(url: str) -> None:
    said = run(
        *CURL,
        "--write-out",
        "[%{http_code} %{num_connects}]",
        f"{url}/",
        f"{url}/long",
        f"{url}/no",
    )
    assert said.stderr == b""
    assert said.stdout == b"hello\n[200 1]" + PAGES["/long"] + b"[200 0]no such page\n[404 0]"


@needs("curl")
def test_curl_is_told_what_is_allowed_and_its_body_is_no_request(url: str) -> None:
    said = run(
        *CURL, "--include", "--data", "GET / HTTP/1.1", f"{url}/", "--next", "--silent", f"{url}/"
    )
    assert said.stdout.startswith(b"HTTP/1.1 405 ")
    assert b"Allow: GET" in said.stdout
    assert said.stdout.endswith(b"hello\n")
    assert b" 400 " not in said.stdout


@needs("curl")
def test_curl_without_host_is_refused(url: str) -> None:
    said = run(*CURL, "--include", "--header", "Host:", f"{url}/")
    assert said.stdout.startswith(b"HTTP/1.1 400 ")


@needs("curl")
def test_curl_that_wants_to_close_is_not_kept(url: str) -> None:
    said = run(
        *CURL,
        "--header",
        "Connection: close",
        "--write-out",
        "[%{num_connects}]",
        f"{url}/",
        f"{url}/",
    )
    assert said.stdout == b"hello\n[1]hello\n[1]"


@needs("wget")
def test_wget_gets_a_long_page(url: str) -> None:
    said = run(
        "wget", "--quiet", "--no-proxy", "--tries=1", "--timeout=10", "-O", "-", f"{url}/long"
    )
    assert said.stdout == PAGES["/long"]


def test_http_client_keeps_its_connection(url: str) -> None:
    client = http.client.HTTPConnection(url.removeprefix("http://"), timeout=SECONDS)
    with contextlib.closing(client):
        for target, status in (("/", 200), ("/no", 404), ("/long", 200)):
            client.request("GET", target)
            answer = client.getresponse()
            assert (answer.status, answer.read() in (*PAGES.values(), b"no such page\n")) == (
                status,
                True,
            )
