"""The database fails: every request ends within its limit with the promised code, and reads that need no write go on."""

import asyncio
import contextlib
import copy
import fcntl
import os
import random
import struct
import time

from databases import Cluster, SQLite, Unavailable, disk_that_freezes, filled, frozen, small_disk
from load import Load
from provider import Provider
from steps import MARGIN, Site, until

UNAVAILABLE = "503 database_unavailable"
OK, FAIL, BOTH = {"200"}, {UNAVAILABLE}, {"200", UNAVAILABLE}
WORKERS = {"new": 2, "returning": 2, "begin": 1, "logout": 1, "read": 2, "refresh": 1, "static": 1, "ready": 1, "alive": 1}
#: Outcomes while the database cannot write but can read, and while it does neither.
NO_WRITES = {"new": FAIL, "returning": FAIL, "begin": FAIL, "logout": FAIL, "ready": FAIL} | {
    kind: OK for kind in ("read", "refresh", "static", "alive")}
NO_DATABASE = NO_WRITES | {"read": FAIL, "refresh": FAIL}
LOGINS_FAIL = {"new": FAIL, "returning": FAIL}
#: Outcomes while some calls fail.
SOME_FAIL = {kind: BOTH for kind in NO_WRITES} | {"static": OK, "alive": OK}
READS_SUCCEED = SOME_FAIL | {"read": OK, "refresh": OK}
#: The server may remember for this time that the database worked (`/readyz`, and whether the file is the one that it opened).
FORGETS_AFTER = 1.5
#: The defaults of the server, in seconds.
DATABASE_TIMEOUT, SHUTDOWN_TIMEOUT = 5, 25


class Faults:
    """One server on one database, and the faults that it must survive, one after the other."""

    def __init__(self, run, site):
        self.run, self.site = run, site
        self.timeout = 2 if run.is_short else DATABASE_TIMEOUT
        # A login makes several calls, and the first that fails ends it.
        login = 2 * self.timeout + MARGIN
        self.limit = {kind: login for kind in WORKERS} | {"static": MARGIN, "ready": 1 + MARGIN, "alive": MARGIN}

    async def survive(self, what, fault, during, seconds=None, required=None):
        """`fault`: a context manager. `during`: the outcomes of requests that begin and end in it.

        `required`: outcomes that must be seen, and the fault lasts until then. Without it, all of `during`.
        """
        required = during if required is None else required
        async with self.run.step(f"{self.site.name}: {what}") as notes:
            load = self.site.load()
            async with load.running(**WORKERS):
                await asyncio.sleep(0.3)
                async with fault:
                    begun = time.monotonic()
                    await asyncio.sleep(seconds or FORGETS_AFTER + (1.5 if self.run.is_short else self.timeout * 2))
                    for kind, outcome in [(kind, outcome) for kind in required for outcome in required[kind]]:
                        await until(f"{kind} is {outcome}", lambda: load.seen(kind, outcome, since=begun + FORGETS_AFTER))
                    ended = time.monotonic()
                await until("everything works again", lambda: self.site.is_alive() and load.all_work(ended, WORKERS))
            notes.append(load.slowest())
            load.expect(self.limit, SOME_FAIL)
            inside = Load("", None, None)
            inside.records = [record for record in load.records
                              if record.started >= begun + FORGETS_AFTER and record.ended <= ended]
            inside.expect(self.limit, during)
            await self.site.assert_complete(only_new=True)


def settings(run):
    return {"DATABASE_TIMEOUT": "2", "DATABASE_QUEUE_TIMEOUT": "1"} if run.is_short else {}


@contextlib.asynccontextmanager
async def started(run, name, database):
    """A server whose provider works."""
    provider = await Provider().start()
    site = Site(run, name, database, {"github-enterprise": provider.url}, settings(run))
    try:
        await site.start()
        await site.measure(1 if run.is_short else 3)
        yield Faults(run, site)
        async with run.step(f"{name}: memory and descriptors stayed flat") as notes:
            notes.append(await site.assert_flat())
            await site.assert_complete()
        async with run.step(f"{name}: a graceful shutdown after all faults"):
            await site.server.stop()
    finally:
        await site.server.kill()
        await provider.stop()


async def sqlite_suite(run):
    await asyncio.gather(sqlite_faults(run), sqlite_full_and_handover(run))


async def sqlite_faults(run):
    async with started(run, "sqlite", SQLite(run.folder / "sqlite")) as faults:
        site, lock = faults.site, 5 if run.is_short else 30
        await faults.survive(f"locked for {lock} s", site.database.locked(), NO_WRITES, seconds=lock)
        await faults.survive("every write fails, those of the log too", file_size(site, 0), NO_WRITES)
        await faults.survive("read-only", immutable(site.database), NO_WRITES)
        await faults.survive("file moved away", moved_away(site.database), NO_DATABASE)
        if not run.is_short:
            fault = intermittent(lambda: file_size(site, 0))
            await faults.survive("errors come and go", fault, READS_SUCCEED, required={})


async def sqlite_full_and_handover(run):
    await sqlite_full(run)
    await sqlite_stalled(run)
    await hand_over(run)


async def sqlite_stalled(run):
    try:
        with disk_that_freezes(run.folder / "disk-that-freezes") as disk:
            async with started(run, "sqlite-stalled", SQLite(disk)) as faults:
                # A read may have to write into the index of the write-ahead log, which is mapped into memory.
                during = NO_WRITES | {"read": BOTH, "refresh": BOTH}
                await faults.survive("the disk is stalled", frozen(disk), during, faults.timeout * 3, LOGINS_FAIL)
    except Unavailable as reason:
        async with run.step("sqlite: the disk is stalled"):
            raise Unavailable(reason)


async def hand_over(run):
    """A restart of a single server, as docs/COMMANDS.md describes it: for a moment two processes write to one file."""
    async with run.step("sqlite: a successor on the same port takes over, and no request is lost") as notes:
        folder = run.memory / "handover"
        folder.mkdir()
        provider = await Provider().start()
        site = Site(run, "sqlite-handover", SQLite(folder), {"github-enterprise": provider.url}, {"LISTEN_REUSE_PORT": "true"})
        first, kinds = site.server, {"new": 3, "returning": 3, "logout": 1, "read": 3}
        second = copy.copy(first)
        second.log = first.folder / "log-of-the-successor"
        try:
            await site.start()
            load = site.load()
            async with load.running(**kinds):
                await until("the load runs", lambda: load.all_work(0, kinds))
                await second.spawn()
                await until("the successor is ready", lambda: ": ready" in second.log.read_text())
                both = time.monotonic()
                await until("both serve", lambda: load.all_work(both, kinds))
                await first.stop()
                alone = time.monotonic()
                site.server = second
                await until("the successor serves", lambda: load.all_work(alone, kinds))
            notes.append(f"{len(load.records)} requests")
            load.expect(2 * DATABASE_TIMEOUT + MARGIN, {kind: OK for kind in load.KINDS})
            await site.assert_complete()
            await second.stop()
        finally:
            await first.kill()
            await second.kill()
            await provider.stop()


async def sqlite_full(run):
    try:
        with small_disk(24) as disk:
            async with started(run, "sqlite-full", SQLite(disk)) as faults:
                await faults.survive("the disk is full", disk_full(disk), READS_SUCCEED, required=LOGINS_FAIL)
    except Unavailable as reason:
        async with run.step("sqlite: the disk is full"):
            raise Unavailable(reason)


async def postgres_suite(run):
    cluster = await Cluster(run.memory / "postgres-cluster").make(await run.template)
    await cluster.start()
    try:
        async with started(run, "postgres", await cluster.database("faults")) as faults:
            await postgres_faults(run, cluster, faults)
        await shut_down_stalled(run, cluster)
        await start_without_database(run, cluster)
    finally:
        await cluster.stop("immediate")
    if not run.is_short:
        await postgres_full(run)


async def postgres_faults(run, cluster, faults):
    database, lock = faults.site.database, 5 if run.is_short else 30
    await faults.survive(f"locked for {lock} s", database.locked(), NO_WRITES, seconds=lock)
    await faults.survive("connections cut in transactions", cut(database), SOME_FAIL, required={})
    await faults.survive("stopped", stopped(cluster), NO_DATABASE)
    await faults.survive("stalled (SIGSTOP)", cluster.stalled(), NO_DATABASE, seconds=faults.timeout * 3)
    await faults.survive("read-only", read_only(cluster), NO_WRITES)
    if not run.is_short:
        await faults.survive("restarted", restarted(cluster), SOME_FAIL, required={})
        await faults.survive("a crash of one of its processes", crashed(cluster, database), SOME_FAIL, required={})


async def shut_down_stalled(run, cluster):
    """A graceful shutdown while the database does not answer: open requests are answered, and the process ends."""
    async with run.step("postgres: SIGTERM while the database is stalled"):
        provider = await Provider().start()
        limit = {"SHUTDOWN_TIMEOUT": "5"} if run.is_short else {}
        site = Site(run, "postgres-shutdown", await cluster.database("shutdown"), {"github-enterprise": provider.url},
                    settings(run) | limit)
        try:
            await site.start()
            load, begun = site.load(), time.monotonic()
            async with cluster.stalled(), load.running(new=2, returning=2, read=2):
                await asyncio.sleep(0.5)
                load.stopped.set()
                await site.server.stop()
            load.expect(2 * DATABASE_TIMEOUT + MARGIN, SOME_FAIL)
            assert time.monotonic() - begun <= SHUTDOWN_TIMEOUT + 5 + MARGIN, f"{time.monotonic() - begun:.1f} s"
        finally:
            await site.server.kill()
            await provider.stop()


async def start_without_database(run, cluster):
    """A server whose database is down ends with an error, so that a supervisor tries again."""
    async with run.step("postgres: a start without the database ends, a later one succeeds"):
        site = Site(run, "postgres-start", await cluster.database("start"), {}, settings(run))
        try:
            async with stopped(cluster):
                await site.server.spawn()
                async with asyncio.timeout(DATABASE_TIMEOUT * 4 + MARGIN):
                    assert await site.server.process.wait() == 1
                assert "cannot be opened" in site.server.last_lines(), site.server.last_lines()
            await site.server.start()
        finally:
            await site.server.kill()


async def postgres_full(run):
    try:
        with small_disk(112) as disk:
            cluster = await Cluster(disk / "cluster").make(await run.template)
            await cluster.start()
            try:
                async with started(run, "postgres-full", await cluster.database("faults")) as faults:
                    await faults.survive("the disk is full", disk_full(disk), READS_SUCCEED, required=LOGINS_FAIL)
            finally:
                await cluster.stop("immediate")
    except Unavailable as reason:
        async with run.step("postgres: the disk is full"):
            raise Unavailable(reason)


# ---- the faults


@contextlib.asynccontextmanager
async def file_size(site, size):
    site.server.limit_file_size(size)
    try:
        yield
    finally:
        site.server.limit_file_size(None)


@contextlib.asynccontextmanager
async def disk_full(disk):
    with filled(disk):
        yield


@contextlib.asynccontextmanager
async def intermittent(fault):
    """The fault begins and ends many times."""

    async def repeat():
        while True:
            async with fault():
                await asyncio.sleep(random.uniform(0.01, 0.1))
            await asyncio.sleep(random.uniform(0.01, 0.1))

    async with in_background(repeat()):
        yield


@contextlib.asynccontextmanager
async def in_background(work):
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def immutable(database):
    """The files cannot be written, as after an error of the disk, when the kernel makes a file system read-only.

    Not the index of the write-ahead log: it is mapped into memory, and the kernel ends a process that writes to such a mapping.
    """
    get_flags, set_flags, is_immutable = 0x80086601, 0x40086602, 0x10
    files = [os.open(f"{database.path}{end}", os.O_RDONLY) for end in ("", "-wal")]

    def change(make_immutable):
        for file in files:
            flags = struct.unpack("l", fcntl.ioctl(file, get_flags, bytes(8)))[0] & ~is_immutable
            fcntl.ioctl(file, set_flags, struct.pack("l", flags | is_immutable if make_immutable else flags))

    try:
        try:
            change(True)
        except OSError as error:
            raise Unavailable(f"no file can be made immutable: {error}") from error
        try:
            yield
        finally:
            change(False)
    finally:
        for file in files:
            os.close(file)


@contextlib.asynccontextmanager
async def moved_away(database):
    away = database.path.with_suffix(".away")
    database.path.rename(away)
    try:
        yield
    finally:
        away.rename(database.path)


@contextlib.asynccontextmanager
async def cut(database):
    cuts = 0

    async def repeat():
        nonlocal cuts
        while True:
            cuts += await database.cut_connections()
            await asyncio.sleep(0.02)

    async with in_background(repeat()):
        yield
        # Transactions are short, so that some of these find none.
        while cuts < 10:
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def stopped(cluster):
    await cluster.stop()
    try:
        yield
    finally:
        await cluster.start()


@contextlib.asynccontextmanager
async def restarted(cluster):
    await cluster.stop()
    await cluster.start()
    yield


@contextlib.asynccontextmanager
async def crashed(cluster, database):
    """The kernel ends a process of the cluster, such as for want of memory; the cluster ends the others and starts again."""
    found = await cluster.sql("postgres", f"SELECT pid FROM pg_stat_activity WHERE datname = '{database.database}' LIMIT 1")
    os.kill(int(found[0][0]), 9)
    yield


@contextlib.asynccontextmanager
async def read_only(cluster):
    """As after a failover to a node that is not promoted yet."""
    await cluster.sql("postgres", "ALTER SYSTEM SET default_transaction_read_only = on")
    await cluster.sql("postgres", "SELECT pg_reload_conf()")
    try:
        yield
    finally:
        await cluster.sql("postgres", "ALTER SYSTEM RESET default_transaction_read_only")
        await cluster.sql("postgres", "SELECT pg_reload_conf()")
