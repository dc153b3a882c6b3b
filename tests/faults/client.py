"""A small HTTP/1.1 client. Unlike those of libraries it says whether an answer was complete when its connection broke."""

import asyncio
import json
import time
import urllib.parse

#: No request may take longer, whatever the limits of the server: then it hangs.
HANGS_AFTER = 120


class Lost(Exception):
    """The connection was refused, or broke before the answer was complete."""


class Answer:
    def __init__(self, status, headers, body, started):
        self.status, self.headers, self.body = status, headers, body
        self.started, self.seconds = started, time.monotonic() - started

    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The code of a problem document; None for any other answer."""
        if self.header("content-type") != "application/problem+json":
            return None
        return self.json().get("code")

    @property
    def outcome(self):
        """Status and code, such as `200` or `503 database_unavailable`."""
        return f"{self.status} {self.code}" if self.code else str(self.status)

    def header(self, name):
        return next((value for key, value in self.headers if key == name), None)

    def cookies(self):
        """The cookies that it sets, as a Cookie header."""
        return "; ".join(value.split(";")[0] for key, value in self.headers if key == "set-cookie")


class Connection:
    """A connection that is kept open for several requests, until the server closes it."""

    def __init__(self, base):
        address = urllib.parse.urlsplit(base)
        self.base, self.host, self.port = base, address.hostname, address.port
        self.reader = self.writer = None

    def close(self):
        if self.writer:
            self.writer.close()
        self.reader = self.writer = None

    async def call(self, method, path, body=None, headers=None, keep=True):
        """One request. Errors: `Lost`; `TimeoutError` when there is no answer at all."""
        started = time.monotonic()
        try:
            async with asyncio.timeout(HANGS_AFTER):
                if self.writer is None:
                    self.reader, self.writer = await asyncio.open_connection(self.host, self.port)
                self.writer.write(self._encoded(method, path, body, headers or {}, keep))
                await self.writer.drain()
                answer = await self._answer(started)
        except TimeoutError:
            self.close()
            raise TimeoutError(f"{method} {path} got no answer within {HANGS_AFTER} s") from None
        except (OSError, EOFError, ValueError) as error:
            self.close()
            raise Lost(f"{method} {path}: {error!r}") from error
        except asyncio.CancelledError:
            self.close()
            raise
        if not keep or (answer.header("connection") or "").lower() == "close":
            self.close()
        return answer

    def _encoded(self, method, path, body, headers, keep):
        content = b"" if body is None else json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}:{self.port}", f"Content-Length: {len(content)}"]
        if body is not None:
            lines.append("Content-Type: application/json")
        if not keep:
            lines.append("Connection: close")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + content

    async def _answer(self, started):
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = [(name.strip().lower(), value.strip()) for name, value in (line.split(":", 1) for line in head[1:] if line)]
        status, length = int(head[0].split()[1]), dict(headers).get("content-length")
        if length is not None:
            content = await self.reader.readexactly(int(length))
        elif dict(headers).get("transfer-encoding") == "chunked":
            content = b""
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                content += (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readexactly(2)
        else:
            content = b""
        return Answer(status, headers, content, started)


async def call(base, method, path, body=None, headers=None):
    """One request on a connection of its own. Errors: as `Connection.call`."""
    connection = Connection(base)
    try:
        return await connection.call(method, path, body, headers, keep=False)
    finally:
        connection.close()
