"""How one thread wakes another that waits for a socket."""

import contextlib
import socket


class Bell:
    """Rung by any thread; heard by the one whose selector has `wire`."""

    def __init__(self) -> None:
        self._rope, self.wire = socket.socketpair()
        self._rope.setblocking(False)  # noqa: FBT003 - the standard library's own signature
        self.wire.setblocking(False)  # noqa: FBT003 - likewise
        self._is_ringing = False

    def ring(self) -> None:
        """Wake the other thread; once it is ringing, this costs nothing."""
        if not self._is_ringing:
            self._is_ringing = True
            with contextlib.suppress(OSError):  # it has been rung often enough, or nobody listens any more
                self._rope.send(b"\x00")

    def answer(self) -> None:
        """Let it be rung again. Whoever calls this looks afterwards at what the ringing is about."""
        with contextlib.suppress(BlockingIOError):
            self.wire.recv(4096)
        self._is_ringing = False

    def close(self) -> None:
        """Give the sockets back."""
        self._rope.close()
        self.wire.close()
