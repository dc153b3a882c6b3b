"""Three processes on one PostgreSQL, behind a balancer."""

import asyncio
import signal
import time

from balancer import Balancer
from client import Connection, call
from databases import Cluster
from load import REAL, Load, code_of, new_uid, sign_in
from provider import Provider
from steps import MARGIN, RECOVERY_LIMIT, Site, until
from upgrade import expand

COUNT = 3
#: SIGTERM drains for this time before the listener closes, so that the balancer notices.
SHUTDOWN_DELAY = 1
WORKERS = {"new": 3, "returning": 3, "read": 3, "static": 1}
#: The kinds of credentials, with the call that ends one.
LOGOUTS = {
    "session": "/api/session/logout/",
    "knox_user": "/api/knox/logout/",
    "token_user": "/api/logout/all/",
    "jwt-pair-user": "/api/logout/all/",
    "jwt-sliding-user": "/api/logout/all/",
}


async def suite(run):
    cluster = await Cluster(run.memory / "nodes-cluster").make(await run.template)
    await cluster.start()
    provider = await Provider().start()
    database = await cluster.database("nodes")
    providers = {"github-enterprise": provider.url}
    settings = {"SHUTDOWN_DELAY": str(SHUTDOWN_DELAY), "DATABASE_POOL_SIZE": "8"}
    sites = [Site(run, f"node{number}", database, providers, settings) for number in range(COUNT)]
    public = sites[0].base
    for site in sites:
        # All nodes have the settings of one service.
        site.server.environment["PUBLIC_URL"] = public
    balancer = await Balancer([site.server for site in sites]).start()
    try:
        async with run.step("nodes: three start together on an empty database"):
            await asyncio.gather(*(site.server.start() for site in sites))
            await until("all nodes are ready", lambda: len(balancer.ready) == COUNT)
        await steps(run, sites, balancer, provider, public)
        async with run.step("nodes: every answered login is there, on every node"):
            for site in sites:
                assert not site.server.panics(), site.server.panics()
                await sites[0].ledger.verify(site.base)
            wrong = await database.wrong_rows() + await sites[0].missing_rows()
            assert not wrong, "; ".join(wrong)
        async with run.step("nodes: all shut down"):
            await asyncio.gather(*(site.server.stop() for site in sites))
    finally:
        await balancer.stop()
        await asyncio.gather(*(site.server.kill() for site in sites))
        await provider.stop()
        await cluster.stop("immediate")


async def steps(run, sites, balancer, provider, public):
    async with run.step("nodes: a login begun on one is completed on another"):
        await complete_elsewhere(sites, provider)
    async with run.step("nodes: a logout on one is seen by all at once"):
        await log_out_everywhere(sites, public)
    ledger = sites[0].ledger
    known = []
    for _ in range(10):
        _, login = await sign_in(sites[0].base, new_uid(), "knox_user")
        ledger.add(login)
        known.append(login)
    for number in range(1 if run.is_short else 10):
        async with run.step(f"nodes: a killed node costs only its requests in flight ({number + 1})"):
            await kill_one(sites[number % COUNT], Load(balancer.base, ledger, known), balancer)
    async with run.step("nodes: a rolling restart with a migration costs no request"):
        await restart_all(run, sites, Load(balancer.base, ledger, known), balancer)
    if not run.is_short:
        async with run.step("nodes: a stalled node delays only its own requests"):
            await stall_one(sites[0], Load(balancer.base, ledger, known), balancer)


async def complete_elsewhere(sites, provider):
    for number in range(COUNT):
        first, second, third = (sites[(number + more) % COUNT].base for more in range(3))
        begun = await call(first, "POST", f"/api/login/social/begin/{REAL}/", {})
        assert begun.status == 200, begun.body
        cookie, uid = begun.cookies(), new_uid()
        body = {"code": code_of(uid), "state": begun.json()["state"]}
        path = f"/api/login/social/knox_user/{REAL}/"
        # The same post to two other nodes: one of them calls the provider, both answer the same.
        answers = await asyncio.gather(*(call(base, "POST", path, body, {"Cookie": cookie}) for base in (second, third)))
        assert [answer.status for answer in answers] == [200, 200], [answer.body for answer in answers]
        assert answers[0].json() == answers[1].json()
        assert provider.codes[body["code"]] == 1, provider.codes[body["code"]]
        # The state is used, on every node and for every browser.
        again = await call(first, "POST", path, {"code": code_of(uid), "state": begun.json()["state"]}, {"Cookie": cookie})
        assert again.status == 400 and again.code in ("state_mismatch", "code_already_used"), again.outcome


async def log_out_everywhere(sites, public):
    for number, (kind, path) in enumerate(LOGOUTS.items()):
        first, second, third = (sites[(number + more) % COUNT].base for more in range(3))
        _, login = await sign_in(first, new_uid(), kind)
        for base in (first, second, third):
            assert (await call(base, "GET", "/api/user/", headers=login.header)).status == 200, kind
        out = await call(second, "POST", path, headers=login.header | {"Origin": public})
        assert out.status == 204, f"{kind}: {out.outcome} {out.body}"
        for base in (first, second, third):
            after = await call(base, "GET", "/api/user/", headers=login.header)
            assert after.status == 401, f"after the logout of {kind}: {after.outcome}"
        _, again = await sign_in(third, login.uid, kind)
        assert again.user == login.user, f"{kind}: user {login.user} became {again.user}"
        sites[0].ledger.add(again)


async def kill_one(site, load, balancer):
    async with load.running(**WORKERS):
        await until("the load runs", lambda: load.all_work(0, WORKERS))
        await site.server.kill()
        killed = time.monotonic()
        await until("the others serve", lambda: load.all_work(killed, WORKERS))
    lost = [record for record in load.records if record.outcome == "lost"]
    # The connections of a killed process break at once, and the balancer gives new ones to the other nodes.
    late = [record for record in lost if record.started > killed]
    assert not late, f"{len(late)} requests that began after the end of the node were lost"
    assert len(lost) <= sum(WORKERS.values()), f"{len(lost)} lost"
    load.expect(MARGIN + 5, {kind: {"200", "lost"} for kind in load.KINDS})
    await site.server.start()
    await until("it is back", lambda: len(balancer.ready) == COUNT)


async def restart_all(run, sites, load, balancer):
    """Half of the load keeps its connections open, as a proxy does."""
    kept, stop = [], asyncio.Event()

    async def on_kept_connection():
        connection = Connection(balancer.base)
        while not stop.is_set():
            kept.append((await connection.call("GET", "/api/user/", headers=load.known[0].header)).outcome)
        connection.close()

    async with load.running(**WORKERS):
        workers = [asyncio.create_task(on_kept_connection()) for _ in range(4)]
        await until("the load runs", lambda: load.all_work(0, WORKERS))
        for number, site in enumerate(sites):
            await site.server.stop()
            if number == 0:
                await expand(site.database)
            await site.server.start()
            await until("it is back", lambda: len(balancer.ready) == COUNT)
        stop.set()
        await asyncio.gather(*workers)
    load.expect(MARGIN + 5, {kind: {"200"} for kind in load.KINDS}, {kind: {"200"} for kind in WORKERS})
    assert set(kept) == {"200"}, set(kept)


async def stall_one(site, load, balancer):
    """SIGSTOP in the middle of transactions: the database ends them, so that their locks delay no other node for long."""
    async with load.running(**WORKERS):
        await until("the load runs", lambda: load.all_work(0, WORKERS))
        site.server.signal(signal.SIGSTOP)
        try:
            await until("the balancer notices", lambda: site.server not in balancer.ready)
            # The time after which the database ends a transaction whose node is silent, and the limit of waiting for a lock.
            await asyncio.sleep(10)
            noticed = time.monotonic()
            async with Load(balancer.base, load.ledger, load.known).running(**WORKERS) as others:
                await until("the others serve", lambda: others.all_work(noticed, WORKERS))
        finally:
            site.server.signal(signal.SIGCONT)
        await until("it is back", lambda: site.server in balancer.ready)
    others.expect(MARGIN + 5, {kind: {"200"} for kind in load.KINDS})
    load.expect(RECOVERY_LIMIT, {kind: {"200", "503 database_unavailable", "502 provider_error", "504 provider_timeout"}
                                 for kind in load.KINDS})
