"""The server is killed again and again under a load of logins: what it answered is there afterwards, and nothing is half done."""

import asyncio
import random

from databases import Cluster, SQLite
from load import sign_in, new_uid
from provider import Provider
from steps import Site, until

#: A webhook that was being sent when the server was killed is sent again when its lease ends, after a minute.
DELIVERY_LIMIT = 150  # seconds
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


async def sqlite_suite(run):
    async def database(name):
        (run.memory / name).mkdir()
        return SQLite(run.memory / name)

    await crash(run, "crash-sqlite", database)


async def postgres_suite(run):
    cluster = await Cluster(run.memory / "crash-cluster").make(await run.template)
    await cluster.start()
    try:
        await crash(run, "crash-postgres", lambda name: cluster.database(name.replace("-", "_")))
    finally:
        await cluster.stop("immediate")


async def crash(run, name, database):
    """`database`: makes one of this name."""
    provider = await Provider().start()
    providers = {"github-enterprise": provider.url}
    webhooks = {"WEBHOOK_URL": f"{provider.url}/webhook", "WEBHOOK_SECRETS": SECRET}
    try:
        kills = 1 if run.is_short else 10
        async with run.step(f"{name}: killed {kills} times in its first start"):
            await crash_at_start(Site(run, f"{name}-start", await database(f"{name}-start"), providers), kills)
        kills = 5 if run.is_short else 100
        site = Site(run, name, await database(name), providers, webhooks)
        try:
            async with run.step(f"{name}: killed {kills} times under load") as notes:
                await site.start()
                lost = 0
                for number in range(kills):
                    lost += await crash_once(site, number)
                notes.append(f"{len(site.ledger.logins)} logins were answered, {lost} were not")
                await site.assert_complete()
                await assert_webhooks(run, site, provider)
        finally:
            await site.server.kill()
    finally:
        await provider.stop()


async def crash_at_start(site, kills):
    """A migration that was killed is applied by the next start."""
    try:
        for _ in range(kills):
            await site.server.spawn()
            await asyncio.sleep(random.uniform(0, 0.5))
            await site.server.kill()
        await site.start(users=3)
        await site.assert_complete()
    finally:
        await site.server.kill()


async def crash_once(site, number):
    """Kills the server at a random moment under load, and starts it again. Returns how many logins got no answer."""
    server, load, before = site.server, site.load(), len(site.ledger.logins)
    load.pause = 0
    async with load.running(new=6, returning=6):
        await until("a login is answered", lambda: len(site.ledger.logins) > before)
        await asyncio.sleep(random.uniform(0, 0.4))
        load.stopped.set()
        await server.kill()
    await server.start()
    await site.ledger.verify(site.base, only_new=True)
    # Users whose login was not answered sign in again. The ledger sees whether one of them becomes another user.
    uids = [*set(load.lost), new_uid()]
    for answer, login in await asyncio.gather(*(sign_in(site.base, uid) for uid in uids)):
        assert login, f"after crash {number}: {answer.outcome} {answer.body}"
        site.ledger.add(login)
    unexpected = {record.outcome for record in load.records} - {"200", "lost"}
    assert not unexpected, unexpected
    return len(load.lost)


async def assert_webhooks(run, site, provider):
    """There is one event for each sign-up, and it is delivered."""
    users = (await site.database.sql("SELECT count(*) FROM users"))[0]
    events = await site.database.sql("SELECT count(*), count(DISTINCT user_id) FROM webhook_events WHERE type = 'user.created'")
    assert events == [(*users, *users)], f"{events} events for {users} users"
    if not run.is_short:

        async def delivered():
            return await site.database.sql("SELECT count(*) FROM webhook_events WHERE delivered IS NULL") == [("0",)]

        await until("all webhooks are delivered", delivered, DELIVERY_LIMIT)
        sent = {identity for (identity,) in await site.database.sql("SELECT id FROM webhook_events")}
        assert sent <= provider.webhooks, f"{len(sent - provider.webhooks)} events were not received"
