"""Learners at a hub, from far: over HTTP and WebSockets, as their browsers do it."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

BRANCH = "class"
PATIENCE = 1800  # seconds for one step of one learner: thirty on two cores take their time


@dataclass
class Result:
    """One notebook, run to its end by one learner."""

    learner: str
    notebook: str
    seconds: float = 0.0
    cells: int = 0
    failures: list[str] = field(default_factory=list)


class Hub:
    """The hub as its users reach it: over HTTP and WebSockets."""

    def __init__(self, url: str, token: str, pid: int, log: Path) -> None:
        self.url, self.pid, self.log = url, pid, log
        self._headers = {"Authorization": f"token {token}"}

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer to a request: its JSON, or its text."""
        from tornado.httpclient import AsyncHTTPClient, HTTPRequest

        request = HTTPRequest(
            self.url + path,
            method=method,
            headers=self._headers,
            body=None if body is None else json.dumps(body),
            allow_nonstandard_methods=True,
            connect_timeout=PATIENCE,
            request_timeout=PATIENCE,
        )
        answer = await AsyncHTTPClient(max_clients=200).fetch(request)
        text = answer.body.decode()
        is_json = "json" in answer.headers.get("Content-Type", "")
        return json.loads(text) if is_json and text else text

    async def is_up(self) -> None:
        from tornado.httpclient import HTTPClientError

        for _ in range(240):
            try:  # the proxy answers before the hub does, with an error
                return print("JupyterHub", (await self.ask("GET", "/hub/api/"))["version"])
            except (OSError, HTTPClientError):
                await asyncio.sleep(0.25)
        raise TimeoutError(f"The hub did not start. Its log:\n{self.log.read_text()[-3000:]}")

    async def start(self, learner: str) -> None:
        """Start the learner's server, and wait until it answers."""
        await self.ask("POST", f"/hub/api/users/{learner}/server", {})
        while not (await self.ask("GET", f"/hub/api/users/{learner}"))["servers"][""]["ready"]:
            await asyncio.sleep(1)

    async def stop(self, learner: str) -> None:
        await self.ask("DELETE", f"/hub/api/users/{learner}/server")

    async def pull(self, learner: str, repo: str) -> None:
        """What the link of the course does: bring the notebooks into the learner's home."""
        said = await self.ask("GET", f"/user/{learner}/git-pull/api?{query_of(repo)}")
        if '"finished"' not in said:
            raise RuntimeError(f"{learner}: git-pull said {said[-500:]}")

    async def follow(self, learner: str, repo: str, notebook: str) -> None:
        """Open the link of a notebook as a browser does, from the login page on."""
        import httpx

        link = f"/hub/user-redirect/git-pull?{query_of(repo, notebook)}"
        async with httpx.AsyncClient(follow_redirects=True, timeout=PATIENCE) as browser:
            page = await browser.get(self.url + link)
            form = {"username": learner, "password": "any", "_xsrf": browser.cookies["_xsrf"]}
            page = await browser.post(page.url, data=form)
        there = f"/user/{learner}/git-pull"
        if page.url.path != there or f"course/notebooks/{notebook}.ipynb" not in page.text:
            raise RuntimeError(f"The link led to {page.url}: {page.text[:500]}")

    async def run(self, learner: str, notebook: str) -> Result:
        """Run all cells of a notebook in a new kernel of this learner's."""
        from tornado.httpclient import HTTPRequest
        from tornado.websocket import websocket_connect

        result = Result(learner, notebook)
        path = f"course/notebooks/{notebook}.ipynb"
        user = f"/user/{learner}/api"
        cells = (await self.ask("GET", f"{user}/contents/{quote(path)}"))["content"]["cells"]
        began = time.monotonic()
        kernel = await self.ask("POST", f"{user}/kernels", {"name": "python3", "path": path})
        address = f"{self.url}{user}/kernels/{kernel['id']}/channels".replace("http", "ws", 1)
        waits = {"connect_timeout": PATIENCE, "request_timeout": PATIENCE}
        request = HTTPRequest(address, headers=self._headers, **waits)
        connection = await websocket_connect(request, max_message_size=1 << 28)
        try:
            for cell in cells:
                if cell["cell_type"] == "code":
                    result.cells += 1
                    tags = cell["metadata"].get("tags", [])
                    said = await asyncio.wait_for(execute(connection, cell["source"]), PATIENCE)
                    if "raises-exception" not in tags:
                        result.failures += [f"{cell['id']}: {text}" for text in said]
        except (TimeoutError, ConnectionError) as error:
            result.failures.append(f"{cell['id']}: {type(error).__name__} {error}")
        finally:
            connection.close()
        result.seconds = time.monotonic() - began
        await self.ask("DELETE", f"{user}/kernels/{kernel['id']}")
        return result


def query_of(repo: str, notebook: str = "00_start_here") -> str:
    """What nbgitpuller is told by a link: what to bring, and what to open then."""
    path = f"lab/tree/course/notebooks/{notebook}.ipynb"
    return urlencode({"repo": repo, "branch": BRANCH, "urlpath": path})


async def execute(connection: Any, source: str) -> list[str]:
    """Run one cell; what went wrong in it: errors, and what it wrote to stderr."""
    name = uuid4().hex
    content = {"code": source, "silent": False, "store_history": True, "user_expressions": {}}
    content |= {"allow_stdin": False, "stop_on_error": False}
    header = {"msg_id": name, "msg_type": "execute_request", "username": "", "session": name}
    header |= {"version": "5.3", "date": ""}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
    await connection.write_message(json.dumps({"channel": "shell", "buffers": []} | message))
    wrong: list[str] = []
    replied = idle = False
    while not (replied and idle):
        text = await connection.read_message()
        if text is None:
            raise ConnectionError("the kernel's connection was closed")
        if isinstance(text, bytes):  # a message with binary parts: widgets' pictures
            continue
        got = json.loads(text)
        if got["content"].get("execution_state") in ("dead", "restarting"):
            raise ConnectionError("the kernel died")
        if got["parent_header"].get("msg_id") != name:
            continue
        kind, content = got["header"]["msg_type"], got["content"]
        replied = replied or kind == "execute_reply"
        idle = idle or (kind == "status" and content["execution_state"] == "idle")
        if kind == "error":
            wrong.append(f"{content['ename']}: {content['evalue'][:300]}")
        if kind == "stream" and content["name"] == "stderr":
            wrong.append(f"wrote to stderr: {content['text'][:300]}")
    return wrong
