"""What the system refuses, in a sentence that says what to do.

The error keeps its class and its number, and the system's own words come first.

>>> import errno, os
>>> with explained("a server on 127.0.0.1, port 80"):
...     raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
Traceback (most recent call last):
OSError: [Errno 98] Address already in use, for a server on 127.0.0.1, port 80. Somebody has \
this port: stop that one, take another port, or 0 for one that is free.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator

_PORT = "Somebody has this port: stop that one, take another port, or 0 for one that is free."
_ROOT = (
    "This user may not do that. Ports below 1024 are root's, and so are raw sockets; a file or a "
    "folder has an owner."
)
_FILES = (
    "Sockets and files that are open count: stop servers, close what is not needed any more, or "
    "restart the kernel."
)
_MEMORY = "The system has no memory for it. Ask for less, or end something that takes much."
_DISK = "Nothing was written. Make room, or choose another folder."

_ADVICE = {
    errno.EADDRINUSE: _PORT,
    errno.EADDRNOTAVAIL: "No interface of this machine has this address.",
    errno.EACCES: _ROOT,
    errno.EPERM: _ROOT,
    errno.EMFILE: f"This process has as many as its limit allows (ulimit -n). {_FILES}",
    errno.ENFILE: f"The whole machine has as many as it can. {_FILES}",
    errno.ENOBUFS: _MEMORY,
    errno.ENOMEM: _MEMORY,
    errno.EAGAIN: "No process and no thread can be had at the moment: end something first.",
    errno.ENOSPC: f"The disk is full. {_DISK}",
    errno.EDQUOT: f"Your share of the disk is full. {_DISK}",
    errno.EROFS: f"Files here can only be read. {_DISK}",
    errno.ENOENT: "There is no such file or folder.",
}


@contextlib.contextmanager
def explained(what: str) -> Iterator[None]:
    """Within the block, an OSError or a MemoryError gets a sentence that says what to do.

    Parameters
    ----------
    what : str
        What the block is to give: "a server on 127.0.0.1, port 80".

    Raises
    ------
    OSError
        Of the same class and number; as it was, if there is nothing to say of that number.
    MemoryError
        With a sentence.
    """
    try:
        yield
    except OSError as error:
        number = error.errno or 0
        if number not in _ADVICE or isinstance(error, socket.gaierror):  # numbers of its own
            raise
        text = f"{os.strerror(number)}, for {what}. {_ADVICE[number]}"
        raise OSError(number, text) from error
    except MemoryError as error:
        raise MemoryError(f"No memory, for {what}. {_MEMORY}") from error


def replace_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Put `data` into a file, whole or not at all: a reader sees the old file or the new one.

    What is no regular file is written to, and not replaced.

    Raises
    ------
    OSError
        If it cannot be written, with a sentence. Then the old file is as it was.
    """
    path = os.path.realpath(path)  # a link stays one
    folder, name = os.path.split(path)
    unfinished = os.path.join(folder, f".{name}.{os.getpid()}")
    with explained(f"the file {path}"):
        if os.path.exists(path) and not os.path.isfile(path):  # a device, a pipe
            with open(path, "wb") as file:
                file.write(data)
            return
        try:
            with open(unfinished, "wb") as file:
                file.write(data)
            os.replace(unfinished, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(unfinished)
            raise
