"""A small TCP balancer: it asks the nodes whether they are ready, and gives each new connection to the next one that is."""

import asyncio
import contextlib
import itertools

from client import Lost, call

CHECK_INTERVAL = 0.1  # seconds
#: A node that does not answer a check within this time gets no connections.
CHECK_LIMIT = 3


class Balancer:
    def __init__(self, nodes):
        """`nodes`: servers. `ready`: those that get new connections."""
        self.nodes, self.ready, self.turn = nodes, set(), itertools.count()
        self.base, self.server, self.checks = None, None, []

    async def start(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.base = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        self.checks = [asyncio.create_task(self._check(node)) for node in self.nodes]
        return self

    async def stop(self):
        self.server.close()
        for check in self.checks:
            check.cancel()

    async def _check(self, node):
        while True:
            try:
                async with asyncio.timeout(CHECK_LIMIT):
                    is_ready = (await call(node.base, "GET", "/readyz")).status == 200
            except (Lost, TimeoutError):
                is_ready = False
            (self.ready.add if is_ready else self.ready.discard)(node)
            await asyncio.sleep(CHECK_INTERVAL)

    async def _serve(self, reader, writer):
        node = await self._connected()
        if node is None:
            writer.transport.abort()
            return
        from_node, to_node = node
        try:
            await asyncio.gather(copy(reader, to_node), copy(from_node, writer))
        finally:
            to_node.close()
            writer.close()

    async def _connected(self):
        """A connection to the next ready node that accepts one."""
        first = next(self.turn)
        nodes = [node for node in self.nodes if node in self.ready] or self.nodes
        for number in range(len(nodes)):
            node = nodes[(first + number) % len(nodes)]
            with contextlib.suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", node.port)
        return None


async def copy(source, target):
    """Ends with either side: a node that is killed breaks its connections."""
    with contextlib.suppress(OSError, EOFError):
        while part := await source.read(64 * 1024):
            target.write(part)
            await target.drain()
    target.close()
