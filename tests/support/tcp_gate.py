"""A network between two programs that a test can stop, slow down, slice and
cut. Runs its own thread; every method may be called from the test."""

import asyncio
import threading

from . import ports


KEPT_BYTES_MAX = 4096  # Of each connection's client.


class TcpGate:
    def __init__(self, target_port: int, target_host: str = "127.0.0.1"):
        self.target = (target_host, target_port)
        self.port = ports.free_port()
        self.delay = 0.0   # Seconds before each piece goes on.
        self.slice = 0     # Bytes per piece, 0: as they come.
        self.carried = 0   # Bytes let through, both ways.
        self.said = []     # Per connection the client's bytes, as they passed.
        self._loop = asyncio.new_event_loop()
        self._open = None
        self._pairs = set()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        ports.eventually(lambda: self._open is not None, "the gate is up")
        return self

    def __exit__(self, *_):
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    # -- for the test

    def stop(self) -> None:
        """Nothing passes any more; connections stay open and are accepted."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def go(self) -> None:
        self._loop.call_soon_threadsafe(self._open.set)

    def cut(self, reset: bool = False) -> None:
        """Closes all connections that pass through, at both ends."""
        self._call(self._cut(reset))

    def connections(self) -> int:
        return len(self._pairs)

    # -- inside

    def _call(self, coroutine) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._loop.run_forever()

    async def _start(self) -> None:
        event = asyncio.Event()
        event.set()
        self._server = await asyncio.start_server(
            self._carry, "127.0.0.1", self.port)
        self._open = event

    async def _carry(self, reader, writer) -> None:
        try:
            await self._open.wait()
            peer_reader, peer_writer = await asyncio.open_connection(*self.target)
        except OSError:
            writer.close()
            return
        pair = (writer, peer_writer)
        self._pairs.add(pair)
        self.said.append(bytearray())
        await asyncio.gather(self._pump(reader, peer_writer, self.said[-1]),
                             self._pump(peer_reader, writer))
        self._pairs.discard(pair)

    async def _pump(self, reader, writer, said=None) -> None:
        try:
            while data := await reader.read(65536):
                step = self.slice or len(data)
                for at in range(0, len(data), step):
                    await self._open.wait()
                    if self.delay:
                        await asyncio.sleep(self.delay)
                    writer.write(data[at:at + step])
                    if said is not None and len(said) < KEPT_BYTES_MAX:
                        said += data[at:at + step]
                    await writer.drain()
                    self.carried += len(data[at:at + step])
        except (ConnectionError, asyncio.CancelledError):
            pass
        writer.close()

    async def _cut(self, reset: bool) -> None:
        for pair in list(self._pairs):
            for writer in pair:
                if reset:
                    writer.transport.abort()
                else:
                    writer.close()

    async def _close(self) -> None:
        self._server.close()
        self._open.set()
        await self._cut(True)
