"""Messages over a pipe: four bytes of length, then JSON. What does not fit the form ends the connection.

Both ends of the box speak it, and so do the workers. A pipe holds its writer back when nobody reads, so that
a flood of messages costs the sender's time and not the reader's memory.
"""

from __future__ import annotations

import json
import os
import select
import struct
import time
from typing import Any

HEADER = struct.Struct(">I")
MAX_FRAME = 16 * 2**20
"""Bytes: an answer of four million numbers; the course's largest takes a hundredth of it."""
MAX_PARTS = 1_000_000
"""Brackets and commas: parsed, each may take a hundred bytes."""


class FrameError(ValueError):
    """The other end sent something that is no message."""


class Closed(FrameError):
    """The other end closed the pipe."""


def send(descriptor: int, message: object) -> None:
    """Write one message; returns when the other end has taken it or the pipe can hold it."""
    data = json.dumps(message).encode("ascii")
    view = memoryview(HEADER.pack(len(data)) + data)
    while view:
        view = view[os.write(descriptor, view) :]


def receive(descriptor: int) -> Any:
    """Wait for one message and return it.

    Raises
    ------
    FrameError
        If what comes is too long or no JSON; `Closed` if the pipe ends.
    """
    return Reader(descriptor).receive()


class Reader:
    """Reads messages from a pipe in pieces, so that its owner can look after other things in between."""

    def __init__(self, descriptor: int, *, limit: int = MAX_FRAME, parts: int = MAX_PARTS) -> None:
        self.descriptor = descriptor
        self.limit, self.parts = limit, parts
        self._held = bytearray()

    def receive(self) -> Any:
        """Wait for one message and return it; see `receive`."""
        while True:
            found, message = self.poll(None)
            if found:
                return message

    def poll(self, seconds: float | None) -> tuple[bool, Any]:
        """Wait at most so long; return whether there is a message, and the message.

        Raises
        ------
        FrameError
            As for `receive`.
        """
        end = None if seconds is None else time.monotonic() + seconds
        while not self._is_complete():
            left = None if end is None else max(0.0, end - time.monotonic())
            ready, _, _ = select.select([self.descriptor], [], [], left)
            if not ready:
                return False, None
            piece = os.read(self.descriptor, 65536)
            if not piece:
                raise Closed("the other end has gone")
            self._held += piece
            if left == 0 and not self._is_complete():  # who sends byte after byte does not hold us up
                return False, None
        (length,) = HEADER.unpack_from(self._held)
        body = bytes(self._held[HEADER.size : HEADER.size + length])
        del self._held[: HEADER.size + length]
        if sum(map(body.count, (b"[", b"{", b","))) > self.parts:
            raise FrameError("a message has too many parts")
        try:
            return True, json.loads(body)
        except (ValueError, RecursionError, MemoryError):
            raise FrameError("a message is no JSON") from None

    def _is_complete(self) -> bool:
        if len(self._held) < HEADER.size:
            return False
        length: int = HEADER.unpack_from(self._held)[0]
        if length > self.limit:
            raise FrameError(f"a message of {length} bytes is longer than the {self.limit} that are read")
        return len(self._held) >= HEADER.size + length
