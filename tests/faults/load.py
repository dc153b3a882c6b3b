"""Users who sign in, callers who read, and the record of what they were answered."""

import asyncio
import collections
import contextlib
import itertools
import random
import time

from client import Connection, Lost, call

#: The login routes that answer with the user.
KINDS = ["session", "token_user", "jwt-pair-user", "jwt-sliding-user", "knox_user"]
REAL = "github-enterprise"
_numbers = itertools.count(1)


def new_uid():
    """An identity that no user has."""
    return 1000 + next(_numbers)


def code_of(uid, fault=None):
    return f"{fault}-{uid}-{next(_numbers)}" if fault else f"{uid}-{next(_numbers)}"


class SignedIn:
    """A login that was answered with 200."""

    def __init__(self, provider, uid, kind, answer):
        body = answer.json()
        self.provider, self.uid, self.kind, self.user = provider, uid, kind, body["id"]
        self.refresh = body.get("refresh")
        match kind:
            case "session":
                self.header = {"Cookie": answer.cookies()}
            case "token_user" | "knox_user":
                self.header = {"Authorization": f"Token {body['token']}"}
            case _:
                self.header = {"Authorization": f"Bearer {body['token']}"}


async def sign_in(base, uid, kind="token_user", provider=REAL, fault=None, connection=None):
    """Posts a new code of `uid`. Returns the answer and, for a 200, the login."""
    body = {"code": code_of(uid, fault)}
    ask = connection.call if connection else lambda *given, **more: call(base, *given, **more)
    answer = await ask("POST", f"/api/login/social/{kind}/{provider}/", body)
    return answer, SignedIn(provider, uid, kind, answer) if answer.status == 200 else None


class Ledger:
    """The logins that were answered with 200, which must be there afterwards."""

    def __init__(self):
        self.logins, self.users, self.verified = [], {}, 0
        #: Logins that may be revoked, those whose revocation was not confirmed, and those that are revoked.
        self.to_revoke, self.perhaps_revoked, self.revoked = [], [], []

    def add(self, login):
        known = self.users.setdefault((login.provider, login.uid), login.user)
        assert known == login.user, f"identity {login.uid} was user {known} and is user {login.user}"
        self.logins.append(login)

    async def verify(self, base, only_new=False):
        """Every credential is valid and of its user, and none that was revoked. `only_new`: those since the last call."""
        waiting, self.verified = self.logins[self.verified if only_new else 0:], len(self.logins)

        async def check():
            connection = Connection(base)
            while waiting:
                login = waiting.pop()
                answer = await connection.call("GET", "/api/user/", headers=login.header)
                assert answer.status == 200, f"a {login.kind} that was answered is {answer.outcome}"
                found = answer.json()["id"]
                assert found == login.user, f"a {login.kind} of user {login.user} is of user {found}"
            while self.revoked:
                login = self.revoked.pop()
                answer = await connection.call("GET", "/api/user/", headers=login.header)
                assert answer.status == 401, f"a token whose logout was answered is {answer.outcome}"
            connection.close()

        async with asyncio.TaskGroup() as tasks:
            for _ in range(8):
                tasks.create_task(check())


class Record:
    def __init__(self, kind, outcome, started, seconds):
        self.kind, self.outcome, self.started, self.seconds = kind, outcome, started, seconds
        self.ended = started + seconds


class Load:
    """Calls of several kinds, repeated until the end of a block:

    `new`: sign-ups. `returning`: logins of known users. `begin`: authorization requests. `logout`: revoked knox tokens.
    `read`: the user of a credential. `refresh`: a new access token. `static`: what needs no database. `ready`, `alive`: the
    probes.
    """

    KINDS = ("new", "returning", "begin", "logout", "read", "refresh", "static", "ready", "alive")
    STATIC = ["/api/login/social/providers/", "/openapi.json", "/.well-known/jwks.json"]

    def __init__(self, base, ledger, known, provider=REAL, pause=0.05):
        """`known`: logins of users who return and read."""
        self.base, self.ledger, self.known, self.provider, self.pause = base, ledger, known, provider, pause
        self.records = []
        #: No request begins after this.
        self.stopped = asyncio.Event()
        #: The identities whose login got no complete answer.
        self.lost = []

    @contextlib.asynccontextmanager
    async def running(self, **workers):
        """So many workers of each kind. A request in flight at the end of the block is waited for."""
        self.stopped.clear()
        tasks = [asyncio.create_task(self._work(kind)) for kind, count in workers.items() for _ in range(count)]
        try:
            yield self
            self.stopped.set()
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _work(self, kind):
        while not self.stopped.is_set():
            started = time.monotonic()
            try:
                outcome = await self._once(kind)
            except Lost:
                outcome = "lost"
            self.records.append(Record(kind, outcome, started, time.monotonic() - started))
            await asyncio.sleep(self.pause)

    async def _once(self, kind):
        match kind:
            case "new" | "returning":
                uid = new_uid() if kind == "new" else random.choice(self.known).uid
                try:
                    answer, login = await sign_in(self.base, uid, random.choice(KINDS), self.provider)
                except Lost:
                    self.lost.append(uid)
                    raise
                if login:
                    self.ledger.add(login)
                return answer.outcome
            case "read":
                login = random.choice(self.known)
                answer = await call(self.base, "GET", "/api/user/", headers=login.header)
                return answer.outcome
            case "refresh":
                login = random.choice([login for login in self.known if login.kind == "jwt-pair-user"])
                return (await call(self.base, "POST", "/api/token/refresh/", {"refresh": login.refresh})).outcome
            case "begin":
                return (await call(self.base, "POST", f"/api/login/social/begin/{self.provider}/", {})).outcome
            case "logout":
                return await self._log_out()
        path = {"ready": "/readyz", "alive": "/healthz", "static": random.choice(self.STATIC)}[kind]
        return (await call(self.base, "GET", path)).outcome

    async def _log_out(self):
        """Revokes one of the tokens that are there for it, or gets another one. 200: it is revoked."""
        if not self.ledger.to_revoke:
            answer, login = await sign_in(self.base, random.choice(self.known).uid, "knox_user", self.provider)
            if login:
                self.ledger.to_revoke.append(login)
            return answer.outcome
        login = self.ledger.to_revoke.pop()
        try:
            answer = await call(self.base, "POST", "/api/knox/logout/", headers=login.header)
        except Lost:
            self.ledger.perhaps_revoked.append(login)
            raise
        is_repeated = login in self.ledger.perhaps_revoked
        if answer.status == 204 or answer.status == 401 and is_repeated:
            self.ledger.revoked.append(login)
            return "200"
        # It can be repeated, and is revoked already if the answer was wrong about that.
        self.ledger.perhaps_revoked.append(login)
        self.ledger.to_revoke.append(login)
        return answer.outcome

    def seen(self, kind, outcome, since=0.0):
        return any(record.kind == kind and record.outcome == outcome and record.started >= since for record in self.records)

    def slowest(self):
        """The longest request of each kind that took more than a second."""
        longest = {}
        for record in self.records:
            longest[record.kind] = max(record.seconds, longest.get(record.kind, 1.0))
        found = [f"{kind} {seconds:.1f} s" for kind, seconds in longest.items() if seconds > 1]
        return f"slowest: {', '.join(found)}" if found else "no request took a second"

    def all_work(self, since, kinds):
        """Whether the last three requests of each kind that began after `since` are 200."""
        for kind in kinds:
            last = [record.outcome for record in self.records if record.kind == kind and record.started >= since][-3:]
            if last != ["200"] * 3:
                return False
        return True

    def expect(self, limit, allowed, required=None, since=0.0):
        """Checks the records of requests that began after `since`.

        `limit`: seconds in which every request must end. `allowed`, `required`: the outcomes of each kind that may, and that must,
        be seen.
        """
        seen = collections.defaultdict(set)
        for record in self.records:
            if record.started < since:
                continue
            seen[record.kind].add(record.outcome)
            assert record.outcome in allowed[record.kind], f"{record.kind}: {record.outcome}"
            most = limit[record.kind] if isinstance(limit, dict) else limit
            assert record.seconds <= most, f"{record.kind} ended with {record.outcome} after {record.seconds:.1f} s"
        for kind, outcomes in (required or {}).items():
            missing = set(outcomes) - seen[kind]
            assert not missing, f"{kind}: never {missing}, but {seen[kind]}"
