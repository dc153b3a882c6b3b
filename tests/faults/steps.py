"""What the suites share: steps, their results, and the checks after a fault."""

import asyncio
import contextlib
import time
import traceback

import databases
from load import KINDS, REAL, Ledger, Load, new_uid, sign_in
from server import Server

#: How much longer than its own limit a request may take: the machine may be busy with other programs. A request without a limit
#: is found all the same, as the client waits for two minutes.
MARGIN = 10
#: How long the server may need to work again after the end of a fault. Its own intervals are below ten seconds.
RECOVERY_LIMIT = 60

#: Idle connections that the server keeps to one host, and some more.
KEPT_CONNECTIONS = 32 + 8


async def until(what, condition, limit=RECOVERY_LIMIT):
    """Waits for a condition, which may be a coroutine."""
    end = time.monotonic() + limit
    while True:
        met = condition()
        if await met if asyncio.iscoroutine(met) else met:
            return
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit} s: {what}")
        await asyncio.sleep(0.05)


class Run:
    def __init__(self, binary, folder, memory, is_short, previous=None):
        """`memory`: a folder for databases whose speed must not depend on a busy disk. `previous`: the binary of the previous
        release."""
        self.binary, self.folder, self.memory, self.is_short = binary, folder, memory, is_short
        self.previous, self.has_one_release = previous or binary, previous is None
        self.failed, self.passed, self.skipped = [], 0, []

    @contextlib.asynccontextmanager
    async def step(self, name):
        """Prints the result of the block, and what the block appends to the list."""
        started, notes = time.monotonic(), []
        try:
            yield notes
        except databases.Unavailable as reason:
            self.skipped.append(name)
            print(f"skip  {name}: {reason}", flush=True)
        except Exception as error:
            self.failed.append(name)
            errors = error.exceptions if isinstance(error, ExceptionGroup) else [error]
            print(f"FAIL  {name} ({time.monotonic() - started:.1f} s)", flush=True)
            for one in errors[:3]:
                print("".join(traceback.format_exception(one)), flush=True)
        else:
            self.passed += 1
            print("; ".join([f"ok    {name} ({time.monotonic() - started:.1f} s)", *notes]), flush=True)


class Site:
    """A server with a database, users who have signed in, and the memory and descriptors that it had then."""

    #: Tokens must outlive the suite.
    SETTINGS = {
        "SIMPLE_JWT_ACCESS_TOKEN_LIFETIME": "36000",
        "SIMPLE_JWT_SLIDING_TOKEN_LIFETIME": "36000",
        "RUST_LOG": "warn,rest_social_auth=info",
    }

    def __init__(self, run, name, database, providers, settings=None, binary=None):
        """`binary`: another one than that of `run`."""
        self.name, self.database, self.ledger, self.known = name, database, Ledger(), []
        settings = self.SETTINGS | (settings or {})
        self.server = Server(binary or run.binary, run.folder / name, database.url, providers, settings)
        self.base = self.server.base

    async def start(self, users=10):
        await self.server.start()
        for number in range(users):
            answer, login = await sign_in(self.base, new_uid(), KINDS[number % len(KINDS)])
            assert login, f"a healthy login was answered with {answer.outcome}: {answer.body}"
            self.ledger.add(login)
            self.known.append(login)
        for login in self.known:
            _, second = await sign_in(self.base, login.uid, "knox_user")
            self.ledger.to_revoke.append(second)
        return self

    def load(self, provider=REAL):
        return Load(self.base, self.ledger, self.known, provider)

    async def measure(self, seconds=3):
        """Takes the present memory and descriptors, after some load, as those of a healthy server."""
        async with self.load().running(new=4, returning=8, read=8):
            await asyncio.sleep(seconds)
        self.memory, self.descriptors = self.server.memory(), self.server.descriptors()

    async def assert_flat(self):
        """Memory and descriptors are as `measure` found them, but for what a pool may keep. Both may take some calls to sink."""
        most = self.memory * 1.3 + 16 * 1024**2

        async def is_flat():
            async with self.load().running(returning=2, read=2):
                await asyncio.sleep(0.3)
            return self.server.descriptors() <= self.descriptors + KEPT_CONNECTIONS and self.server.memory() <= most

        def figures():
            memory, descriptors = self.server.memory(), self.server.descriptors()
            return f"{self.memory >> 20} to {memory >> 20} MiB, {self.descriptors} to {descriptors} descriptors"

        try:
            await until("flat", is_flat)
        except AssertionError as error:
            raise AssertionError(figures()) from error
        return figures()

    def is_alive(self):
        """Errors: the process ended."""
        status = self.server.process.returncode
        assert status is None, f"the server ended with {status}:\n{self.server.last_lines()}"
        return True

    async def assert_recovers(self):
        """Without a restart: `/readyz` is 200, and so is a login."""

        async def works():
            if (await self.server.call("GET", "/readyz")).status != 200:
                return False
            _, login = await sign_in(self.base, new_uid())
            if login:
                self.ledger.add(login)
            return login

        await until("a login works again", works)

    async def assert_complete(self, only_new=False):
        """Every login that was answered with 200 is there, and no row is half of one."""
        assert self.is_alive() and not self.server.panics(), self.server.panics()
        await self.ledger.verify(self.base, only_new)
        wrong = await self.database.wrong_rows()
        wrong += await self.missing_rows()
        assert not wrong, "; ".join(wrong)

    async def missing_rows(self):
        """A JWT is valid without its row, and a permanent token is one for all logins: rows and audit events are counted."""
        kinds = [login.kind for login in self.ledger.logins]
        least = {
            "sessions": kinds.count("session"),
            "knox_tokens": kinds.count("knox_user"),
            "refresh_tokens": kinds.count("jwt-pair-user") + kinds.count("jwt-sliding-user"),
            "users": len(self.ledger.users),
            "audit_events": len(kinds),
        }
        counts = " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in least)
        return [f"{count} rows of {table}, but {least[table]} were answered"
                for table, count in await self.database.sql(counts) if int(count) < least[table]]
