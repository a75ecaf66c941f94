"""A relay between a client and a server on loopback, which can be told to hang up or to say nothing."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

_A_MOMENT = 0.05


class Relay:
    """Hands bytes on, both ways. `port` is where clients connect, and stays the same through everything."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._ending = threading.Event()
        self._hanging_up = threading.Event()
        self._silent = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @contextmanager
    def hanging_up(self) -> Iterator[None]:
        """Every connection is closed, the new ones too."""
        self._hanging_up.set()
        try:
            yield
        finally:
            self._hanging_up.clear()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Connections are taken, and not a byte comes back over any of them, nor is what was sent meanwhile handed on."""
        self._silent.set()
        try:
            yield
        finally:
            self._silent.clear()

    def close(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()
        self._listening.close()

    def _accept(self) -> None:
        while not self._ending.is_set():
            if not select.select([self._listening], [], [], _A_MOMENT)[0]:
                continue
            client, _ = self._listening.accept()
            thread = threading.Thread(target=self._carry, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _carry(self, client: socket.socket) -> None:
        withheld = False
        with closing(client), socket.create_connection(("127.0.0.1", self._target)) as server:
            while not (self._ending.is_set() or self._hanging_up.is_set()):
                ready = select.select([client, server], [], [], _A_MOMENT)[0]
                if self._silent.is_set():
                    withheld = withheld or bool(ready)
                    self._ending.wait(_A_MOMENT)
                    continue
                if withheld:
                    return
                for source, sink in ((client, server), (server, client)):
                    if source in ready:
                        try:
                            data = source.recv(65536)
                            sink.sendall(data)
                        except OSError:
                            return
                        if not data:
                            return
