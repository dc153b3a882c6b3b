"""A provider fails: every login ends within its limit with the promised code, and nothing else is affected."""

import asyncio
import contextlib
import socket

import provider
from client import call
from databases import SQLite
from load import new_uid, sign_in
from provider import Provider
from server import free_port
from steps import MARGIN, Site

#: The time limits of the server: of one call, and of all calls of a login.
CALL_LIMIT, LOGIN_LIMIT = 10, 15
ERROR, TIMEOUT = "502 provider_error", "504 provider_timeout"
#: The circuit breaker opens after ten faults in a row; groups are smaller.
MAX_GROUP = 6
#: Reads and the logins of another provider, all of which must succeed.
OTHERS = {"new": 2, "returning": 2, "read": 2, "static": 1, "ready": 1, "alive": 1}


def immediate_faults():
    """Faults of both endpoints that need no time limit."""
    for place in ("token", "profile"):
        wrong = provider.WRONG_TOKENS if place == "token" else provider.WRONG_PROFILES
        for fault in [*provider.BROKEN, *provider.ANSWERS, *provider.WRONG_BODIES, *wrong]:
            if (place, fault) != ("profile", "status_404"):
                yield f"{place}.{fault}"


async def suite(run):
    limit = 2 if run.is_short else CALL_LIMIT
    good, other = await Provider().start(), await Provider().start()
    with silent_address() as silent:
        providers = {"github-enterprise": good.url, "second": other.url, "silent": silent,
                     "refused": f"http://127.0.0.1:{free_port()}"}
        # The database is not at fault here, however slow a busy machine makes it.
        settings = {"SOCIAL_AUTH_REQUESTS_TIMEOUT": str(limit), "DATABASE_TIMEOUT": "60", "DATABASE_QUEUE_TIMEOUT": "30"}
        database = SQLite(run.memory)
        site = Site(run, "provider", database, providers, settings)
        try:
            await site.start()
            await steps(run, site, good, limit)
        finally:
            await site.server.kill()
    await good.stop()
    await other.stop()


async def steps(run, site, good, limit):
    async with run.step("provider: broken, wrong and endless answers are 502 at once"):
        await refuse_immediately(site, good)
    async with run.step("provider: silence and drips are 504 at the limit; others are not affected"):
        await time_out(site, limit)
    async with run.step("provider: no connection is 502, or 504 at the limit"):
        await expect(await login(site, provider_name="refused"), ERROR, MARGIN)
        await expect(await login(site, provider_name="silent"), TIMEOUT, limit + MARGIN)
    if not run.is_short:
        async with run.step("provider: all calls of a login share a limit"):
            answer = await login(site, "both.late")
            await expect(answer, TIMEOUT, LOGIN_LIMIT + MARGIN)
            assert answer.seconds >= LOGIN_LIMIT * 0.9, f"{answer.seconds:.1f} s"
    async with run.step("provider: hundreds of logins at a silent provider end; it recovers"):
        await flood(site, limit, 60 if run.is_short else 300)
    async with run.step("provider: large profiles at once are read"):
        await read_large(run, site)
    async with run.step("provider: memory and descriptors stay flat, no row is left over") as notes:
        # Pools and heap have their size now.
        peak = site.server.memory()
        await site.measure(1)
        site.memory = max(site.memory, peak)
        for _ in range(0 if run.is_short else 4):
            await refuse_immediately(site, good)
        await read_large(run, site)
        notes.append(await site.assert_flat())
        await site.assert_complete()


async def read_large(run, site):
    answers = await asyncio.gather(*(login(site, "profile.large") for _ in range(20 if run.is_short else 120)))
    seen = {answer.outcome for answer in answers}
    # On a busy machine the provider of the suite may not send all of them in time.
    assert "200" in seen and seen <= {"200", TIMEOUT, ERROR}, seen
    await site.assert_recovers()


async def login(site, fault=None, provider_name="github-enterprise"):
    answer, signed_in = await sign_in(site.base, new_uid(), "token_user", provider_name, fault)
    if signed_in:
        site.ledger.add(signed_in)
    return answer


async def expect(answer, outcome, limit, what=""):
    assert answer.outcome == outcome, f"{what} {answer.outcome}: {answer.body[:300]}"
    assert answer.seconds <= limit, f"{what} ended after {answer.seconds:.1f} s"


async def refuse_immediately(site, good):
    for fault in immediate_faults():
        await expect(await login(site, fault), ERROR, MARGIN, fault)
        # The fault has no effect on the next login, and the breaker sees no ten faults in a row.
        await expect(await login(site), "200", MARGIN, f"the login after {fault}")
    assert good.followed == 0, "a redirect was followed"


async def time_out(site, limit):
    load = site.load("second")
    async with load.running(**OTHERS):
        for place in ("token", "profile"):
            faults = [f"{place}.{fault}" for fault in provider.SLOW]
            assert len(faults) < MAX_GROUP
            answers = await asyncio.gather(*(login(site, fault) for fault in faults))
            for fault, answer in zip(faults, answers):
                await expect(answer, TIMEOUT, limit + MARGIN, fault)
                assert answer.seconds >= limit * 0.9, f"{fault} ended after {answer.seconds:.1f} s"
            await expect(await login(site), "200", MARGIN)
    expect_no_effect(load)


def expect_no_effect(load):
    """On the other calls. `/readyz` has less than a second for the database, which a busy machine may exceed."""
    right = {kind: {"200"} for kind in OTHERS}
    load.expect(MARGIN, right | {"ready": {"200", "503 database_unavailable"}}, right)


async def flood(site, limit, count):
    load = site.load("second")
    async with load.running(**OTHERS):
        answers = await asyncio.gather(*(login(site, "token.hang") for _ in range(count)))
        for answer in answers:
            # The breaker refuses those that come after ten faults.
            assert answer.outcome in (TIMEOUT, ERROR), answer.outcome
            assert answer.seconds <= LOGIN_LIMIT + MARGIN, f"{answer.seconds:.1f} s"
        timeouts = sum(answer.outcome == TIMEOUT for answer in answers)
        assert timeouts >= 10, f"{timeouts} of {count}"
        await site.assert_recovers()
    expect_no_effect(load)
    answer = await call(site.base, "GET", "/healthz")
    assert answer.status == 200


@contextlib.contextmanager
def silent_address():
    """An address where no connection is accepted, as behind a firewall that drops packets: the queue of its listener is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                client.connect(listener.getsockname())
            waiting.append(client)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        for client in waiting:
            client.close()
