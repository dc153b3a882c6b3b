"""Measures a server on databases of different sizes, as ratios to the smallest in one run.

    tests/scale/run.py SERVER [--users N …] [--postgres]

`tests/scale/seed.py` fills each database. The servers run at the same time and are measured in turns, so that a slow moment of the
machine concerns all of them. Measured are the CPU time of a request and the time of its answer, the commands `users list` and
`audit`, and how long a batch of the sweeper has the writer. A table on the standard output has the results.

With --postgres the databases are made in the cluster of TEST_POSTGRES_URL (`tests/postgres.sh`), and the CPU time includes that of
PostgreSQL. A user takes about a kilobyte of disk.
"""

import argparse
import asyncio
import contextlib
import os
import pathlib
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.insert(1, str(pathlib.Path(__file__).parent.parent / "faults"))

import seed
from client import Connection, call
from load import code_of
from provider import Provider
from server import Server, free_port

REAL = "github-enterprise"
#: Requests of a round, rounds, and requests at a time.
REQUESTS, ROUNDS, WORKERS = 400, 5, 8
OPERATIONS = ["returning login", "new login", "verify", "refresh"]
#: The sweeper begins a minute after the start of a server.
SWEEP_LIMIT = 240


class Measured:
    """A server on a database with so many users."""

    def __init__(self, binary, folder, users, provider, cluster):
        self.binary, self.users, self.folder = binary, users, pathlib.Path(folder) / str(users)
        self.folder.mkdir()
        self.cluster, self.metrics = cluster, f"127.0.0.1:{free_port()}"
        self.url = f"{cluster.base}scale_{users}{cluster.query}" if cluster else f"sqlite://{self.folder}/server.db"
        if cluster:
            seed.Postgres(cluster.url).psql(f"CREATE DATABASE scale_{users}")
        self.server = Server(binary, self.folder, self.url, {REAL: provider.url}, {"METRICS_LISTEN": self.metrics})
        self.next_new = 10 * users
        self.logins, self.cpu, self.seconds = [], {}, {}
        self.random = random.Random(users)

    async def prepare(self):
        await self.server.start()
        for kind in ["jwt-pair-user", "session", "token_user"]:
            await self.sign_in(seed.TEMPLATE, kind)
        await self.server.call("POST", f"/api/login/social/begin/{REAL}/", {})
        await self.server.stop()
        started = time.monotonic()
        # Nothing else happens meanwhile.
        database = seed.Postgres(self.url) if self.cluster else seed.SQLite(self.folder / "server.db")
        seed.seed(database, self.users, int(time.time() * 1000))
        print(f"seeded {self.users} users in {time.monotonic() - started:.0f} s", file=sys.stderr)

    async def sign_in(self, uid, kind="jwt-pair-user", connection=None):
        ask = connection.call if connection else self.server.call
        answer = await ask("POST", f"/api/login/social/{kind}/{REAL}/", {"code": code_of(uid)})
        assert answer.status == 200, f"login: {answer.outcome} {answer.body}"
        return answer

    def cpu_seconds(self):
        """Of the server, and of PostgreSQL's processes."""
        pids = [self.server.process.pid]
        if self.cluster:
            pids += self.cluster.processes()
        total = 0.0
        for pid in pids:
            with contextlib.suppress(FileNotFoundError):
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return total

    async def once(self, operation, connection):
        match operation:
            case "returning login":
                answer = await self.sign_in(self.random.randint(1, self.users), connection=connection)
                self.logins.append(answer.json())
            case "new login":
                self.next_new += 1
                answer = await self.sign_in(self.next_new, connection=connection)
            case "verify":
                header = {"Authorization": f"Bearer {self.random.choice(self.logins)['token']}"}
                answer = await connection.call("GET", "/api/user/", headers=header)
            case "refresh":
                body = {"refresh": self.random.choice(self.logins)["refresh"]}
                answer = await connection.call("POST", "/api/token/refresh/", body)
        assert answer.status == 200, f"{operation}: {answer.outcome}"
        return answer.seconds

    async def round(self, operation, requests=REQUESTS):
        """Returns the times of the answers."""
        left, seconds = iter(range(requests)), []

        async def work():
            connection = Connection(self.server.base)
            for _ in left:
                seconds.append(await self.once(operation, connection))
            connection.close()

        before = self.cpu_seconds()
        await asyncio.gather(*[work() for _ in range(WORKERS)])
        self.cpu.setdefault(operation, []).append((self.cpu_seconds() - before) / requests * 1000)
        self.seconds.setdefault(operation, []).extend(seconds)
        return seconds

    def command(self, *arguments):
        """The shortest of three times in seconds."""
        def run():
            started = time.monotonic()
            subprocess.run([self.binary, *arguments], env=self.server.environment, cwd=self.folder, check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            return time.monotonic() - started
        return min(run() for _ in range(3))

    async def sweeps(self):
        """The batches of the sweeper by their duration: pairs of an upper bound in seconds and their number."""
        text = (await call(f"http://{self.metrics}", "GET", "/metrics")).body.decode()
        found = {}
        pattern = r'database_seconds_bucket\{(?:[^}]*,)?le="([^"]+)"[^}]*\} (\d+)'
        for line in text.splitlines():
            if 'operation="delete_expired"' in line and (match := re.search(pattern, line)):
                found[float(match[1])] = int(match[2])
        return sorted(found.items())


class Cluster:
    """The PostgreSQL cluster of TEST_POSTGRES_URL."""

    def __init__(self, url):
        self.url = url
        self.base, _, self.query = url.partition("postgres?")
        self.base, self.query = (self.base, f"?{self.query}") if self.query else (url.rsplit("/", 1)[0] + "/", "")
        self.folder = pathlib.Path(re.search(r"host=([^&]+)", url)[1])

    def processes(self):
        parent = int((self.folder / "data/postmaster.pid").read_text().split()[0])
        return [parent, *map(int, pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split())]


def print_requests(all_measured):
    smallest = all_measured[0]
    print(f"\n{'request':<18} {'users':>10} {'CPU ms':>8} {'ratio':>6} {'p50 ms':>8} {'p99 ms':>8}")
    for operation in OPERATIONS:
        for measured in all_measured:
            cpu = statistics.median(measured.cpu[operation])
            seconds = sorted(measured.seconds[operation])
            p50, p99 = (1000 * seconds[int(len(seconds) * part)] for part in (0.5, 0.99))
            ratio = cpu / statistics.median(smallest.cpu[operation])
            print(f"{operation:<18} {measured.users:>10} {cpu:>8.3f} {ratio:>6.2f} {p50:>8.1f} {p99:>8.1f}")


def print_commands(all_measured):
    print(f"\n{'command':<44} " + " ".join(f"{measured.users:>9}" for measured in all_measured) + "   (seconds)")
    for shown, arguments in [
        ("users list", ["users", "list"]),
        ("users list --search, without a hit", ["users", "list", "--search", "no-such-user"]),
        ("users list --search, an e-mail address", ["users", "list", "--search", "user77@example.com"]),
        ("users list --search, all users", ["users", "list", "--search", "u"]),
        ("users list --contains, without a hit", ["users", "list", "--contains", "no-such-user"]),
        ("audit", ["audit"]),
        ("audit --user 77", ["audit", "--user", "77"]),
    ]:
        print(f"{shown:<44} " + " ".join(f"{measured.command(*arguments):>9.3f}" for measured in all_measured))


async def print_sweeps(all_measured):
    """Signs users in while the sweeper works."""
    print("\nsweeper", flush=True)
    for measured in all_measured:
        quiet = sorted(await measured.round("returning login", 200))
        begun, during, last = time.monotonic(), [], -1
        while time.monotonic() - begun < SWEEP_LIMIT:
            batches = await measured.sweeps()
            count = batches[-1][1] if batches else 0
            # Nine tables: a sweep has ended when its last batch found nothing.
            if count > seed.EXPIRED // 250 and count == last:
                break
            last = count
            during += await measured.round("returning login", 200) if count else (await asyncio.sleep(2) or [])
        parts = [f"{count} of {batches[-1][1]} within {1000 * bound:g} ms" for bound, count in batches if bound in (0.01, 0.025)]
        print(f"{measured.users:>10} users: {', '.join(parts)}; p99 of a login "
              f"{1000 * quiet[int(len(quiet) * 0.99)]:.1f} ms before, "
              f"{1000 * sorted(during)[int(len(during) * 0.99)] if during else 0:.1f} ms meanwhile")


async def measure(arguments, folder):
    provider = await Provider().start()
    cluster = Cluster(os.environ["TEST_POSTGRES_URL"]) if arguments.postgres else None
    binary = str(arguments.server.resolve())
    all_measured = [Measured(binary, folder, users, provider, cluster) for users in sorted(arguments.users)]
    try:
        for measured in all_measured:
            await measured.prepare()
        for measured in all_measured:
            await measured.server.start()
            # The first requests pay for connections and caches.
            await measured.round("returning login")
            measured.cpu, measured.seconds = {}, {}
        for _ in range(ROUNDS):
            for operation in OPERATIONS:
                for measured in all_measured:
                    await measured.round(operation)
        print_requests(all_measured)
        print_commands(all_measured)
        await print_sweeps(all_measured)
        for measured in all_measured:
            await measured.server.stop()
    finally:
        for measured in all_measured:
            await measured.server.kill()
        await provider.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("server", type=pathlib.Path)
    parser.add_argument("--users", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--postgres", action="store_true", help="in the cluster of TEST_POSTGRES_URL")
    arguments = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="scale."))
    try:
        asyncio.run(measure(arguments, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
