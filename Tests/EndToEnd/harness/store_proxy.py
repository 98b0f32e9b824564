"""A network between the gateways and Redis that can be slow, stall, or silently lose data."""

import asyncio
import threading
from concurrent.futures import Future

from harness.polling import wait_until

PIECE = 1 << 16
PAUSE = 0.002


class Passage:
    """One connection through the proxy."""

    def __init__(self, client, store):
        self.client = client
        self.store = store
        self.listens = False
        self.is_silent = False

    def close(self):
        for writer in (self.client[1], self.store[1]):
            writer.close()


class StoreProxy:
    """Listens on a unix socket and passes everything on to Redis and back.

    delay        the delay, in seconds, of everything that Redis sends
    late         the delay, in seconds, of data to Redis that contains this text
    is_stalled   nothing arrives and nothing is lost: all data arrives once the stall is over
    is_refusing  new connections are closed at once
    refused      the number of those so far
    """

    def __init__(self, path, store):
        self.path = path
        self.store = store
        self.delay = 0
        self.late = None, 0
        self.is_stalled = False
        self.is_refusing = False
        self.refused = 0
        self.passages = set()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    @property
    def url(self):
        return f"unix:{self.path}"

    def start(self):
        self.thread.start()
        self.listener = self.carry_out(asyncio.start_unix_server(self.accept, str(self.path)))
        self.path.chmod(0o777)
        return self

    def stop(self):
        self.carry_out(self.end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(20)
        self.loop.close()

    async def end(self):
        self.listener.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for passage in list(self.passages):
            passage.close()

    def carry_out(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    # Faults of connections

    def open(self, listens):
        return [passage for passage in list(self.passages) if passage.listens == listens and not passage.is_silent]

    def wait_for(self, count, listens):
        """Waits until there are `count` connections that listen, or that do not."""
        return wait_until(lambda: len(self.open(listens)) >= count and self.open(listens), "connections pass")

    def silence(self, listens):
        """Drops all further data of connections of a kind, in both directions; they stay open."""
        lost = self.open(listens)
        for passage in lost:
            passage.is_silent = True
        return lost

    def cut(self, listens):
        """Closes the connections of a kind."""
        return self.close(self.open(listens))

    def close(self, lost):
        """Closes connections, including silenced ones."""
        done = Future()

        def close():
            for passage in lost:
                passage.close()
            done.set_result(None)

        self.loop.call_soon_threadsafe(close)
        done.result(20)
        return lost

    # The transfer

    async def accept(self, reader, writer):
        if self.is_refusing:
            self.refused += 1
            writer.close()
            return
        try:
            store = await self.connect()
        except OSError:
            writer.close()
            return
        passage = Passage((reader, writer), store)
        self.passages.add(passage)
        try:
            await asyncio.gather(
                self.carry(passage, reader, store[1], self.note_listening, self.delay_of),
                self.carry(passage, store[0], writer, None, lambda piece: self.delay),
            )
        except asyncio.CancelledError:
            pass  # the proxy is stopped; streams would report it on standard error
        finally:
            passage.close()
            self.passages.discard(passage)

    async def connect(self):
        if self.store.port:
            return await asyncio.open_connection("127.0.0.1", self.store.port)
        return await asyncio.open_unix_connection(str(self.store.socket))

    @staticmethod
    def note_listening(passage, piece):
        passage.listens = passage.listens or b"SUBSCRIBE" in piece

    def delay_of(self, piece):
        word, seconds = self.late
        return seconds if word and word in piece else 0

    async def carry(self, passage, reader, writer, look, delay):
        """Carries one direction: reads pieces as they come, and delivers each when it is due."""
        under_way = asyncio.Queue()
        handing_over = asyncio.ensure_future(self.hand_over(passage, under_way, writer))
        try:
            while piece := await reader.read(PIECE):
                if look:
                    look(passage, piece)
                await under_way.put((self.loop.time() + delay(piece), piece))
        except OSError:
            pass
        finally:
            if passage.is_silent:
                handing_over.cancel()
            else:
                await under_way.put((self.loop.time() + delay(b""), b""))
                await handing_over

    async def hand_over(self, passage, under_way, writer):
        try:
            while True:
                due, piece = await under_way.get()
                await asyncio.sleep(max(0, due - self.loop.time()))
                while self.is_stalled:
                    await asyncio.sleep(PAUSE)
                if passage.is_silent:
                    continue
                if not piece:
                    writer.close()
                    return
                writer.write(piece)
                await writer.drain()
        except OSError:
            writer.close()
