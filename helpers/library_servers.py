"""Servers of libraries, on a background thread of this kernel: http.server, aiosmtpd, Twisted, …

You write what the library asks for (a request handler, a coroutine, a Protocol, a Resource),
and nothing else. What starts the library, and ends it without a trace, is here.

>>> import socket, socketserver
>>> class Shout(socketserver.StreamRequestHandler):
...     def handle(self):
...         for line in self.rfile:
...             self.wfile.write(line.upper())
>>> with serve_library(Shout) as server:
...     with socket.create_connection(server.address) as client:
...         client.sendall(b"hello\\n")
...         client.recv(100)
b'HELLO\\n'

Twisted's reactor is usually one for a process, and cannot be started twice. So each server
gets a reactor object of its own here, which is never installed as the global one.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import select
import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .loop_servers import LoopServer
from .own_folders import own_folder
from .process_server import ServerProcess
from .shipping import own_source, source_of

SMTP_NAME = "mail.example"  # else aiosmtpd would ask a name server for ours

Runner = Callable[[socket.socket, socket.socket, Any], None]


class LibraryServer(LoopServer):
    """A library's server on one thread of this process (and more, if the library starts some).

    Attributes
    ----------
    kind : str
        The library: "http.server", "Twisted".
    data_port : int
        Of an FTP server: the port on which it awaits data connections in passive mode.
    """

    data_port = 0

    def __init__(
        self, name: str, kind: str, runner: Runner, service: object, listener: socket.socket
    ) -> None:
        super().__init__(runner, (service,), listener)
        self.name, self.kind = name, kind
        self._thread.name = f"{name} server"


def serve_library(
    service: Any,
    *,
    listener: socket.socket | None = None,
    apart: bool = False,
) -> LibraryServer | ServerProcess:
    """Start the server that a library makes of `service`.

    Parameters
    ----------
    service : class or coroutine function
        For socketserver a `BaseRequestHandler`, for http.server a `BaseHTTPRequestHandler`, for
        asyncio a coroutine function of (reader, writer); for Tornado a `TCPServer` or a
        `RequestHandler` (for all paths), for Twisted a `Protocol` or a `Resource`.
    listener : socket.socket, optional
        An already listening socket to serve, of a private host, say. By default one on loopback,
        with a port that the kernel chooses.
    apart : bool
        In a process of its own, where it has a GIL of its own: for measurements.

    Raises
    ------
    TypeError
        If it is none of these.
    """
    kind, runner = _library_of(service)
    if not apart:
        return _started(service.__name__, kind, runner, service, listener)
    here = source_of(runner), source_of(service)
    run = f"def serve(listener):\n    {runner.__name__}(listener, idle[0], {service.__name__})\n"
    source = "\n".join([*here, "import socket", "idle = socket.socketpair()", run])
    return ServerProcess("serve", _without_repeats(source), name=service.__name__)


def serve_http(handler: Any, *, listener: socket.socket | None = None) -> LibraryServer:
    """Start http.server's ThreadingHTTPServer with your `BaseHTTPRequestHandler`.

    What the handler would log to stderr, a line for each request, goes nowhere, unless it has a
    `log_message` of its own. TypeError if it is no such handler.
    """
    from http.server import BaseHTTPRequestHandler

    if not _is_kind(handler, BaseHTTPRequestHandler):
        raise TypeError(f"serve_http needs a class made from BaseHTTPRequestHandler: {handler!r}")
    return _started(handler.__name__, "http.server", run_socketserver, handler, listener)


def serve_smtp(handler: Any, *, listener: socket.socket | None = None) -> LibraryServer:
    """Start aiosmtpd's SMTP server. `handler` has coroutines such as `handle_DATA`.

    TypeError if it has none.
    """
    if not any(name.startswith("handle_") for name in dir(handler)):
        raise TypeError(f"aiosmtpd needs a handler with a coroutine handle_DATA, not {handler!r}")
    return _started(type(handler).__name__, "aiosmtpd", run_smtp, handler, listener)


def serve_ftp(files: Mapping[str, bytes]) -> LibraryServer:
    """Start pyftpdlib's FTP server: anonymous users may read these files, by their names.

    They are in a folder that is removed at stop. The server's `data_port` is the port of passive
    mode; it serves one such connection at a time.
    """
    folder = own_folder()
    for name, content in files.items():
        Path(folder, name).write_bytes(content)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        data_port = probe.getsockname()[1]
    server = _started("files", "pyftpdlib", run_ftp, (folder, data_port), None)
    server.data_port = data_port
    server.paths = [folder]
    return server


def _started(
    name: str, kind: str, runner: Runner, service: object, listener: socket.socket | None
) -> LibraryServer:
    listener = listener or socket.create_server(("127.0.0.1", 0), backlog=128)
    server = LibraryServer(name, kind, runner, service, listener)
    server.start()
    return server


def _library_of(service: Any) -> tuple[str, Runner]:
    """The name of a service's library, and what runs it."""
    if inspect.iscoroutinefunction(service):
        return "asyncio", run_asyncio
    if _is_kind(service, socketserver.BaseRequestHandler):
        http = any(each.__module__ == "http.server" for each in service.__mro__)
        return ("http.server" if http else "socketserver"), run_socketserver
    modules = {each.__module__ for each in getattr(service, "__mro__", ())}
    for kind, runner, homes in (
        ("Tornado", run_tornado, {"tornado.web", "tornado.tcpserver"}),
        ("Twisted", run_twisted, {"twisted.internet.protocol", "twisted.web.resource"}),
    ):
        if modules & homes:
            return kind, runner
    raise TypeError(
        "serve_library takes a request handler of socketserver or http.server, a coroutine "
        "function, a TCPServer or RequestHandler of Tornado, or a Protocol or Resource of "
        f"Twisted; not {service!r}."
    )


def _is_kind(thing: object, parent: type) -> bool:
    return isinstance(thing, type) and issubclass(thing, parent)


def _without_repeats(source: str) -> str:
    """The future import may stand at the beginning only."""
    future = "from __future__ import annotations\n"
    return future + source.replace(future, "")


def lines_of_code(service: Any) -> int:
    """How many lines its source has, without empty lines and comments."""
    lines = [line.strip() for line in own_source(service).splitlines()]
    return sum(bool(line) and not line.startswith("#") for line in lines)


# ------------------------------------------------------------------ the libraries

# Each serves `listener` until `stop` becomes readable. They are sent to other processes as
# source, so each of them imports what it needs by itself.


def run_socketserver(listener: socket.socket, stop: socket.socket, service: Any) -> None:
    """A ThreadingTCPServer or ThreadingHTTPServer: a thread for each connection."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    http = issubclass(service, BaseHTTPRequestHandler)
    if http and service.log_message is BaseHTTPRequestHandler.log_message:
        silent = {"log_message": lambda self, *told: None}
        service = type(service.__name__, (service,), silent)
    failures: list[BaseException] = []
    workers: list[threading.Thread] = []

    class Running(ThreadingHTTPServer if http else socketserver.ThreadingTCPServer):  # type: ignore[misc]
        timeout = 0  # of handle_request(): somebody is there when it is called

        def process_request(self, request: Any, client_address: Any) -> None:
            worker = threading.Thread(
                target=self.process_request_thread, args=(request, client_address), daemon=True
            )
            workers[:] = [*filter(threading.Thread.is_alive, workers), worker]
            worker.start()

        def handle_error(self, request: Any, client_address: Any) -> None:
            error = sys.exc_info()[1]
            if error is not None and not isinstance(error, ConnectionError):
                failures.append(error)

    server = Running(listener.getsockname(), service, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    if http:  # what server_bind() would have set, after asking for the name of our address
        server.server_name, server.server_port = listener.getsockname()[:2]
    while stop not in (ready := select.select([listener, stop], [], [])[0]):
        if ready:
            server.handle_request()
    for worker in workers:  # who stops the server ends their connections
        worker.join(0.5)
    if failures:
        raise failures[0]


def run_asyncio(listener: socket.socket, stop: socket.socket, service: Any) -> None:
    """Streams of asyncio: a task for each connection."""

    async def serve() -> None:
        server = await asyncio.start_server(service, sock=listener)
        await until_readable(stop)
        server.close()

    run_loop(serve())


def run_tornado(listener: socket.socket, stop: socket.socket, service: Any) -> None:
    """Tornado's TCPServer, or its HTTPServer with one handler for all paths."""
    from tornado.httpserver import HTTPServer
    from tornado.tcpserver import TCPServer
    from tornado.web import Application

    async def serve() -> None:
        if issubclass(service, TCPServer):
            server = service()
        else:
            quiet: Any = {"log_function": lambda handler: None}
            server = HTTPServer(Application([(".*", service)], **quiet))
        listener.setblocking(False)  # Tornado accepts until nobody is left
        server.add_socket(listener)
        await until_readable(stop)
        server.stop()
        if isinstance(server, HTTPServer):
            await server.close_all_connections()

    run_loop(serve())


def run_twisted(listener: socket.socket, stop: socket.socket, service: Any) -> None:
    """Twisted, on a reactor that is not the global one, so that there can be several."""
    from twisted.internet import abstract, protocol
    from twisted.internet.selectreactor import SelectReactor

    # Not epoll: it would take what a capture of own frames puts into a socket's error queue for
    # the end of the connection.
    reactor: Any = SelectReactor()

    class Stop(abstract.FileDescriptor):
        def fileno(self) -> int:
            return stop.fileno()

        def doRead(self) -> None:
            self.stopReading()
            reactor.stop()

        def connectionLost(self, reason: Any) -> None:
            pass

    if issubclass(service, protocol.Protocol):
        factory: Any = protocol.Factory.forProtocol(service)
        factory.noisy = False
    else:
        from twisted.web.server import Site

        factory = Site(service(), reactor=reactor)
    listener.setblocking(False)  # Twisted accepts until nobody is left
    port = reactor.adoptStreamPort(listener.fileno(), listener.family, factory)
    Stop(reactor).startReading()
    try:
        reactor.run(installSignalHandlers=False)
    finally:
        reactor.waker.connectionLost(None)
        if port.connected:
            port.connectionLost(None)


def run_smtp(listener: socket.socket, stop: socket.socket, handler: Any) -> None:
    """aiosmtpd: a task for each connection."""
    from aiosmtpd.smtp import SMTP

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: SMTP(handler, hostname=SMTP_NAME, loop=loop), sock=listener
        )
        await until_readable(stop)
        server.close()

    run_loop(serve())


def run_ftp(listener: socket.socket, stop: socket.socket, service: tuple[str, int]) -> None:
    """pyftpdlib: its own event loop."""
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.ioloop import Select
    from pyftpdlib.servers import FTPServer

    folder, data_port = service
    log = logging.getLogger("pyftpdlib")
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.NullHandler())

    class Stop:
        told = False
        _fileno = stop.fileno()

        def readable(self) -> bool:
            return True

        def handle_read_event(self) -> None:
            Stop.told = True

        def close(self) -> None:
            pass

    class Handler(FTPHandler):
        authorizer = DummyAuthorizer()
        passive_ports = (data_port,)
        banner = "hello"

    Handler.authorizer.add_anonymous(folder, perm="elr")
    loop = Select()  # not epoll, for the same reason as Twisted
    FTPServer(listener, Handler, ioloop=loop)
    loop.register(stop.fileno(), Stop(), loop.READ)
    pause = None
    while not Stop.told:
        pause = loop.loop(pause, blocking=False)
    loop.close()


def run_loop(serving: Any) -> None:
    """An asyncio loop of the kind that can watch sockets on every system, for one coroutine."""
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        # Connections that are cut off at the end have nothing to tell.
        runner.get_loop().set_exception_handler(lambda loop, context: None)
        runner.run(serving)


async def until_readable(sock: socket.socket) -> None:
    """Wait until there is something to read, and leave it there."""
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sock, ready.set)
    await ready.wait()
    loop.remove_reader(sock)
