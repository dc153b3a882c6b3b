"""Checks that no statement of the server reads a whole table that grows with the users.

    tests/scale/statements.py SERVER

SERVER must be a debug build: only such a build logs its statements (`RUST_LOG=sqlx::query=info`). It signs users in with every kind
of credential, uses the credentials, and lets the sweeper run on a seeded SQLite database. Then SQLite explains each statement that was
logged.
"""

import asyncio
import contextlib
import json
import pathlib
import re
import shutil
import sqlite3
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.insert(1, str(pathlib.Path(__file__).parent.parent / "faults"))

import seed
from load import KINDS, code_of
from provider import Provider
from server import Server

REAL = "github-enterprise"
USERS = 2_000
LOG = "warn,sqlx::query=info"
#: Tables that grow with the users or their logins.
GROWING = {"users", "social_accounts", "sessions", "tokens", "knox_tokens", "refresh_tokens", "authorization_requests", "used_codes",
           "one_time_codes", "pending_logins", "audit_events", "webhook_events", "rate_limits"}

async def sign_in(server, uid, kind):
    answer = await server.call("POST", f"/api/login/social/{kind}/{REAL}/", {"code": code_of(uid)})
    assert answer.status == 200, f"{kind}: {answer.outcome}"
    return answer


async def use(server):
    """Calls that run most statements."""
    for uid in [1, USERS, USERS + 1000]:
        for kind in KINDS:
            answer = await sign_in(server, uid, kind)
            body = answer.json()
            scheme = "Token" if kind in ("token_user", "knox_user") else "Bearer"
            header = {"Cookie": answer.cookies(), "Origin": server.base} if kind == "session" else {
                "Authorization": f"{scheme} {body['token']}"}
            for path in ["user/", "user/social/", "user/credentials/", "user/export/"]:
                await server.call("GET", f"/api/{path}", headers=header)
            await server.call("PATCH", "/api/user/", {"first_name": "Ana"}, headers=header)
            if "refresh" in body:
                for path in ["token/refresh/", "token/verify/", "token/blacklist/"]:
                    await server.call("POST", f"/api/{path}", {"refresh": body["refresh"], "token": body["refresh"]})
            await server.call("POST", f"/api/login/social/begin/{REAL}/", {}, headers=header)
            for path in ["knox/logout/", "knox/logoutall/", "session/logout/", "logout/all/"]:
                await server.call("POST", f"/api/{path}", {}, headers=header)
    await server.call("POST", f"/api/login/social/token/{REAL}/", {"code": "token.status_404-1-1"})


def statements(log):
    """The different statements of a log of JSON lines."""
    found = set()
    for line in log.read_text(errors="replace").splitlines():
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if event.get("target") == "sqlx::query":
                found.add((event.get("db.statement") or "").strip() or event["summary"])
    return sorted(re.sub(r"\s+", " ", statement) for statement in found)


def scans(connection, statement):
    """The tables that the statement reads as a whole."""
    if not re.match(r"(?i)(WITH|SELECT|INSERT|UPDATE|DELETE)\b", statement):
        return []
    statement = re.sub(r"\$(\d+)", r"?\1", statement)
    highest = max([int(number) for number in re.findall(r"\?(\d+)", statement)] + [statement.count("?")])
    plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", [None] * highest).fetchall()
    aliases = {alias: table for table, alias in re.findall(r"(?i)\b(?:FROM|JOIN|UPDATE|INTO) (\w+)(?: AS)? (\w+)", statement)}
    found = [match[1] for row in plan if (match := re.match(r"SCAN (\w+)", row[3]))]
    return sorted({aliases.get(name, name) for name in found} & GROWING)


async def check(binary, folder):
    provider = await Provider().start()
    settings = {"LOG_FORMAT": "json", "RUST_LOG": LOG, "SIMPLE_JWT_ROTATE_REFRESH_TOKENS": "true"}
    server = Server(binary, folder, f"sqlite://{folder}/server.db", {REAL: provider.url}, settings)
    try:
        await server.start()
        for kind in ["jwt-pair-user", "session", "token_user"]:
            await sign_in(server, seed.TEMPLATE, kind)
        await server.call("POST", f"/api/login/social/begin/{REAL}/", {})
        await server.stop()
        seed.seed(seed.SQLite(folder / "server.db"), USERS, int(time.time() * 1000))
        await server.start()
        await use(server)
        # The sweeper begins a minute after the start.
        await asyncio.sleep(70)
        await server.stop()
    finally:
        await server.kill()
        await provider.stop()
    found = statements(server.log)
    assert len(found) > 60, f"only {len(found)} statements were logged: is {binary} a debug build?"
    with contextlib.closing(sqlite3.connect(folder / "server.db")) as connection:
        wrong = [(tables, statement) for statement in found if (tables := scans(connection, statement))]
    for tables, statement in wrong:
        print(f"reads all of {', '.join(tables)}: {statement}")
    print(f"{len(found)} statements, {len(wrong)} of them read a whole table")
    return 1 if wrong else 0


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="statements."))
    try:
        return asyncio.run(check(pathlib.Path(sys.argv[1]).resolve(), folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
