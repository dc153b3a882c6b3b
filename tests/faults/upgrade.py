"""Two releases on one database: an upgrade, both at the same time, and a downgrade.

Without `--previous` both are the same program. Then the suite itself changes the database as the next release may.
"""

import asyncio
import time

from balancer import Balancer
from databases import Cluster, SQLite
from load import KINDS, Load, new_uid, sign_in
from provider import Provider
from steps import MARGIN, Site, until

WORKERS = {"new": 3, "returning": 3, "refresh": 2, "read": 3}
#: What a migration of the next release may do while this release serves.
EXPANSION = ("ALTER TABLE users ADD COLUMN of_the_next_release TEXT NOT NULL DEFAULT 'x'",
             "CREATE INDEX of_the_next_release ON social_accounts (modified)",
             "CREATE TABLE of_the_next_release_too (user_id BIGINT NOT NULL)")
NEXT_VERSION = 9001


async def expand(database):
    """Changes the database as the next release may, with the row of its migration."""
    for sql in EXPANSION:
        await database.change(sql)
    await record_migration(database, NEXT_VERSION, "expand of the next release")


async def record_migration(database, version, name):
    await database.change(f"""INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        SELECT {version}, '{name}', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1""")


def sites(run, database, provider):
    """The previous release and this one, with the settings of one service."""
    settings = {"SHUTDOWN_DELAY": "1", "DATABASE_POOL_SIZE": "8"}
    providers = {"github-enterprise": provider.url}
    old, new = (Site(run, f"upgrade-{database.name}-{name}", database, providers, settings, binary)
                for name, binary in (("previous", run.previous), ("this", run.binary)))
    new.server.environment["PUBLIC_URL"] = old.base
    new.ledger, new.known = old.ledger, old.known
    return old, new


async def use(site):
    """All credentials are valid, known users sign in and new ones sign up, by each kind."""
    await site.ledger.verify(site.base)
    for kind in KINDS:
        for uid in (site.known[0].uid, new_uid()):
            answer, login = await sign_in(site.base, uid, kind)
            assert login, f"{kind}: {answer.outcome} {answer.body}"
            site.ledger.add(login)
    await site.assert_complete()


async def sqlite_suite(run):
    (run.memory / "upgrade").mkdir()
    database = SQLite(run.memory / "upgrade")
    provider = await Provider().start()
    old, new = sites(run, database, provider)
    try:
        async with run.step("upgrade-sqlite: this release uses the database of the previous one"):
            await old.start()
            await old.server.stop()
            await new.server.start()
            await use(new)
            await new.server.stop()
        async with run.step("upgrade-sqlite: the previous release uses the database of this one"):
            if run.has_one_release:
                await expand(database)
            await old.server.start()
            await use(old)
            await old.server.stop()
            if run.has_one_release:
                assert "schema is ahead" in await doctor(old.server)
        async with run.step("upgrade-sqlite: a database that a later release has contracted is refused"):
            await is_refused(old)
    finally:
        await asyncio.gather(old.server.kill(), new.server.kill())
        await provider.stop()


async def postgres_suite(run):
    cluster = await Cluster(run.memory / "upgrade-cluster").make(await run.template)
    await cluster.start()
    provider = await Provider().start()
    old, new = sites(run, await cluster.database("upgrade"), provider)
    balancer = await Balancer([old.server, new.server]).start()
    try:
        await old.start()
        async with run.step("upgrade-postgres: an upgrade and a downgrade of one node after the other cost no request") as notes:
            load = Load(balancer.base, old.ledger, old.known)
            async with load.running(**WORKERS):
                await serve(load, balancer, old)
                await roll(run, old, new, load, balancer)
            load.expect(MARGIN + 5, {kind: {"200"} for kind in load.KINDS}, {kind: {"200"} for kind in WORKERS})
            notes.append(f"{len(load.records)} requests")
            await old.server.stop()
        for site in (old, new):
            async with run.step(f"upgrade-postgres: every answered login is there ({site.name})"):
                await site.server.start()
                await use(site)
                await site.server.stop()
        async with run.step("upgrade-postgres: a database that a later release has contracted is refused"):
            await is_refused(old)
    finally:
        await balancer.stop()
        await asyncio.gather(old.server.kill(), new.server.kill())
        await provider.stop()
        await cluster.stop("immediate")


async def roll(run, old, new, load, balancer):
    """This release starts beside the previous one and replaces it. Then the previous one, on the new schema, replaces this one."""
    await new.server.start()
    if run.has_one_release:
        await expand(old.database)
    await serve(load, balancer, old, new)
    await old.server.stop()
    await serve(load, balancer, new)
    await old.server.start()
    await serve(load, balancer, old, new)
    await new.server.stop()
    await serve(load, balancer, old)


async def serve(load, balancer, *expected):
    """Waits until the balancer uses these sites and no other, and until all kinds of requests have been answered by them."""
    await until("these sites are ready", lambda: balancer.ready == {site.server for site in expected})
    since = time.monotonic()
    await until("they serve", lambda: load.all_work(since, WORKERS))


async def doctor(server):
    process = await asyncio.create_subprocess_exec(
        server.binary, "doctor", env=server.environment, cwd=server.folder, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return output.decode()


async def is_refused(site):
    """A release without the migration that the contraction names does not start."""
    await record_migration(site.database, NEXT_VERSION + 1, f"contract {NEXT_VERSION + 1} of a later release")
    await site.server.spawn()
    status = await site.server.process.wait()
    assert status == 1 and "later release" in site.server.last_lines(1), f"{status}: {site.server.last_lines(3)}"
