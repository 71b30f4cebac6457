"""The event loop behind `serve_asyncio`: one thread, a task for each connection, TLS if wanted."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from .file_limit import need_descriptors
from .server_threads import Server, check_bound, check_handler, connectable

if TYPE_CHECKING:
    from ssl import SSLContext

T = TypeVar("T")
HANDSHAKE_SECONDS = 5.0  # of TLS, for a client that says nothing

AsyncHandler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class AsyncioServer(Server):
    """One thread with an event loop, and a task for each connection.

    Attributes
    ----------
    addresses : list of tuple
        One for each listener; `address` is the first of them.
    """

    kind = "asyncio TCP"

    def __init__(
        self,
        handler: AsyncHandler,
        listeners: Sequence[socket.socket],
        max_connections: int,
        tls: SSLContext | None = None,
    ) -> None:
        try:
            check_handler(handler, listeners[0], wants_coroutine=True)
            check_bound(max_connections, listeners[0])
        except BaseException:
            for listener in listeners:
                listener.close()
            raise
        for listener in listeners:
            listener.setblocking(False)
        self._listeners = listeners
        self._tls = tls
        self._free = asyncio.Semaphore(max_connections)
        self.addresses = [connectable(listener.getsockname()) for listener in listeners]
        super().__init__(handler, listeners[0])

    def _prepare(self) -> None:
        for listener in self._listeners:
            self._closing.callback(listener.close)
        need_descriptors(self.socket.fileno(), 3)
        self._loop = asyncio.new_event_loop()
        self._closing.callback(lambda: self._loop.is_running() or self._loop.close())

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float = 10.0) -> T:
        """Run a coroutine on the server's own loop; return or raise what it does.

        What the handlers share belongs to that loop: this is how a cell gets there.

        Raises
        ------
        TimeoutError
            If it has not ended after `timeout` seconds. It is cancelled then.
        RuntimeError
            If the server has been stopped.
        """
        if self._stopped:
            coroutine.close()
            raise RuntimeError(f"{self!r}: its loop runs no more.")
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(timeout)
        finally:
            future.cancel()

    def _run(self) -> None:
        # At its end the runner cancels the tasks that are left.
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        loop = asyncio.get_running_loop()
        self._wakened.setblocking(False)
        accepting = [loop.create_task(self._accept_forever(each)) for each in self._listeners]
        await loop.sock_recv(self._wakened, 1)
        for task in accepting:
            task.cancel()

    async def _accept_forever(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        tasks: set[asyncio.Task[None]] = set()
        while True:
            await self._free.acquire()
            try:
                conn, _ = await loop.sock_accept(listener)
            except OSError as error:
                self._keep_error(error)
                self._free.release()
                await asyncio.sleep(0.05)
                continue
            with self._lock:
                self._connections.add(conn)
            task = loop.create_task(self._serve(conn))
            tasks.add(task)  # the loop itself keeps only weak references
            task.add_done_callback(tasks.discard)

    async def _serve(self, conn: socket.socket) -> None:
        try:
            try:
                reader, writer = await self._streams(conn)
            except OSError:
                if self._tls is None:
                    raise
                return  # no TLS handshake came of it: a client's affair, and no handler ran
            try:
                await self.handler(reader, writer)
            finally:
                writer.close()
                with contextlib.suppress(OSError):  # the client went first: nothing to add
                    await writer.wait_closed()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._keep_error(error)
        finally:
            conn.close()
            with self._lock:
                self._connections.remove(conn)
            self._free.release()

    async def _streams(
        self, conn: socket.socket
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._tls is None:
            return await asyncio.open_connection(sock=conn)
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, conn, ssl=self._tls, ssl_handshake_timeout=HANDSHAKE_SECONDS
        )
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)
