"""A provider that speaks GitHub's OAuth 2.0, and can fail in every way that a network or a program can.

A code says what happens: `12-7` signs in user 12 (7 makes the code unique), `token.hang-12-7` lets the token endpoint fail,
`profile.hang-12-7` the profile endpoint. The access token carries the code, so the provider keeps no state.
"""

import asyncio
import collections
import gzip
import io
import json
import urllib.parse

#: What an endless answer may send before the provider stops: the server must stop reading much earlier.
MAX_SENT = 64 * 1024 * 1024
DRIP_INTERVAL = 0.2  # seconds
LATE = 8  # seconds


def gzip_bomb():
    """A little more than a hundred KiB that become a hundred MiB."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as stream:
        for _ in range(100):
            stream.write(bytes(1024 * 1024))
    return packed.getvalue()


GZIP_BOMB = gzip_bomb()
DEEP = 100_000
#: Bodies of the wrong type for both endpoints.
WRONG_BODIES = {
    "null": "null",
    "list": "[1, 2]",
    "text": '"a text"',
    "number": "7",
    "nothing": "",
    "html": "<html>sign in</html>",
    "deep_list": "[" * DEEP + "]" * DEEP,
    "deep_object": '{"a":' * DEEP + "1" + "}" * DEEP,
    "deep_member": '{"access_token": "x", "id": 1, "login": "x", "deep": ' + "[" * DEEP + "]" * DEEP + "}",
    "half": '{"access_token": "x", "id": 1, "login": ',
    "not_utf8": b"\xff\xfe\x00\x80\xc3\x28",
}
#: Members of the wrong type.
WRONG_TOKENS = {
    "token_number": {"access_token": 5},
    "token_object": {"access_token": {"a": 1}},
    "token_list": {"access_token": ["x"]},
    "token_null": {"access_token": None},
    "token_missing": {"scope": "user"},
}
WRONG_PROFILES = {
    "id_object": {"id": {"a": 1}},
    "id_list": {"id": [1]},
    "id_fraction": {"id": 1.5},
    "id_boolean": {"id": True},
    "id_null": {"id": None},
    "id_blank": {"id": "  "},
}
#: Faults without a complete answer, or with one that is not HTTP. Those in SLOW end at the time limit of a call.
BROKEN = ["reset", "reset_in_body", "truncated", "not_http", "closed", "endless_body", "endless_head", "endless_chunk"]
SLOW = ["hang", "hang_in_body", "drip", "drip_head", "interim_answers"]
#: A valid profile of almost the largest size that is accepted.
LARGE = 1000 * 1000
ANSWERS = ["redirect", "gzip_bomb", "status_500", "status_503", "status_404"]


class Provider:
    """Listens on loopback. `calls` counts the calls by path, `open` the connections."""

    def __init__(self):
        self.calls, self.open, self.url, self.server = collections.Counter(), set(), None, None
        #: Every code that reached the token endpoint, with the number of times.
        self.codes = collections.Counter()
        #: How often a redirect was followed.
        self.followed = 0
        #: The ids of the webhooks that it received.
        self.webhooks = set()

    async def start(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1024 * 1024)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def stop(self):
        self.server.close()
        for writer in list(self.open):
            writer.transport.abort()

    async def _serve(self, reader, writer):
        self.open.add(writer)
        try:
            while await self._answer_one(reader, writer):
                pass
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            self.open.discard(writer)
            writer.close()

    async def _answer_one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        path = head[0].split()[1].split("?")[0]
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.calls[path] += 1
        if path == "/login/oauth/access_token":
            code = dict(urllib.parse.parse_qsl(body.decode()))["code"]
            self.codes[code] += 1
            place, answer = "token", {"access_token": f"gho_{code}", "token_type": "bearer", "scope": "user"}
        elif path == "/user":
            code = headers["authorization"].removeprefix("token gho_")
            uid = code.split("-")[1] if "." in code else code.split("-")[0]
            place = "profile"
            answer = {"id": int(uid), "login": f"user{uid}", "name": f"User {uid}", "email": f"user{uid}@example.com"}
        elif path == "/webhook":
            self.webhooks.add(headers["webhook-id"])
            return await send(writer, 200, "")
        else:
            self.followed += path == "/followed"
            return await send(writer, 404, "{}")
        fault = code.split("-")[0]
        if fault == "both.late":
            await asyncio.sleep(LATE)
        if fault == f"{place}.large":
            return await send(writer, 200, json.dumps(answer | {"bio": "x" * LARGE}))
        if not fault.startswith(f"{place}."):
            return await send(writer, 200, json.dumps(answer))
        return await self._fail(fault.removeprefix(f"{place}."), answer, reader, writer)

    async def _fail(self, fault, answer, reader, writer):
        """True: the connection can be used again."""
        if fault in WRONG_BODIES:
            return await send(writer, 200, WRONG_BODIES[fault])
        if fault in WRONG_TOKENS:
            return await send(writer, 200, json.dumps(WRONG_TOKENS[fault]))
        if fault in WRONG_PROFILES:
            return await send(writer, 200, json.dumps(answer | WRONG_PROFILES[fault]))
        if fault in ANSWERS:
            return await self._answer_wrongly(fault, writer)
        return await break_off(fault, json.dumps(answer).encode(), reader, writer)

    async def _answer_wrongly(self, fault, writer):
        match fault:
            case "redirect":
                return await send(writer, 302, "", f"Location: {self.url}/followed\r\n")
            case "gzip_bomb":
                return await send(writer, 200, GZIP_BOMB, "Content-Encoding: gzip\r\n")
        return await send(writer, int(fault.removeprefix("status_")), "<h1>Error</h1>")


async def send(writer, status, body, headers=""):
    body = body if isinstance(body, bytes) else body.encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()
    return True


async def endless(writer, part):
    for _ in range(MAX_SENT // len(part)):
        writer.write(part)
        await writer.drain()


async def break_off(fault, answer, reader, writer):
    """The connection ends, or never does. `answer`: the right one."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    announced = head + b"Content-Length: %d\r\n\r\n" % len(answer)
    match fault:
        case "reset":
            writer.transport.abort()
        case "reset_in_body":
            writer.write(announced + answer[:10])
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.transport.abort()
        case "truncated":
            writer.write(announced + answer[:-1])
        case "closed":
            pass
        case "not_http":
            writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        case "endless_body":
            writer.write(head + b"Connection: close\r\n\r\n")
            await endless(writer, bytes(16 * 1024))
        case "endless_chunk":
            writer.write(head + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n")
            await endless(writer, b"x" * 16 * 1024)
        case "endless_head":
            writer.write(head)
            await endless(writer, b"X-Filler: " + b"x" * 8000 + b"\r\n")
        case "hang":
            await reader.read()
        case "hang_in_body":
            writer.write(announced + answer[:10])
            await reader.read()
        case "drip":
            writer.write(head + b"Content-Length: 100000\r\n\r\n")
            await drip(writer, b" ")
        case "drip_head":
            await drip(writer, head, byte_by_byte=True)
        case "interim_answers":
            await drip(writer, b"HTTP/1.1 102 Processing\r\n\r\n")
        case _:
            raise ValueError(f"unknown fault {fault}")
    return False


async def drip(writer, part, byte_by_byte=False):
    """Sends until the other side closes."""
    parts = [bytes([byte]) for byte in part] + [b"X"] * 10_000 if byte_by_byte else [part] * 10_000
    for one in parts:
        writer.write(one)
        await writer.drain()
        await asyncio.sleep(DRIP_INTERVAL)
