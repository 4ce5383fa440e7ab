"""A TCP proxy whose flows can go silent, as behind a firewall that forgot them."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time

_CHUNK = 1 << 16


class Proxy:
    """Passes bytes between whoever connects to `port` and the port `target` of this machine.

    target may be changed; connections that exist stay where they are.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.silent = threading.Event()
        """While it is set, no byte passes, on connections old and new."""
        self._flows: list[_Flow] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_flows(self) -> None:
        """Let no byte pass on the connections that there are, for good; nobody is told."""
        for flow in self._flows:
            flow.lost.set()

    def cut_flows(self) -> None:
        """Close the connections that there are."""
        for flow in self._flows:
            flow.close()

    def close(self) -> None:
        """Accept no more, and close what is open."""
        self._listener.close()
        self.cut_flows()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self.target))
                except OSError:
                    near.close()
                    continue
                self._flows = [flow for flow in self._flows if not flow.closed]
                self._flows.append(_Flow(near, far, self.silent))


class _Flow:
    """One connection, and its other half."""

    def __init__(self, near: socket.socket, far: socket.socket, silent: threading.Event) -> None:
        self.lost = threading.Event()
        self.closed = False
        self._ends, self._silent = (near, far), silent
        for source, sink in (self._ends, self._ends[::-1]):
            threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def close(self) -> None:
        self.closed = True
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):  # either end was closed
            while not self.closed:
                held = select.select([source], [], [], 0.05)[0] and source.recv(_CHUNK)
                while self.lost.is_set() or self._silent.is_set():
                    if self.closed:
                        return
                    time.sleep(0.02)
                if held == b"":
                    break
                if held:
                    sink.sendall(held)
        self.close()
