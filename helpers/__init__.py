"""The helpers of the course."""

from .capture import capture
from .machine import this_machine
from .servers import discard, echo, serve_asyncio, serve_tcp, serve_udp, serve_unix

__all__ = [
    "capture",
    "discard",
    "echo",
    "serve_asyncio",
    "serve_tcp",
    "serve_udp",
    "serve_unix",
    "this_machine",
]
