"""The databases of the suites: an SQLite file, and PostgreSQL clusters that can be stopped, stalled and filled."""

import asyncio
import contextlib
import glob
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import tempfile

CREDENTIAL_TABLES = ["sessions", "tokens", "knox_tokens", "refresh_tokens"]
#: Each must be 0. Every user of the suites has one account, made by a sign-up.
WRONG_ROWS = {
    "users without an account":
        "SELECT count(*) FROM users u WHERE NOT EXISTS (SELECT 1 FROM social_accounts a WHERE a.user_id = u.id)",
    "users with several accounts":
        "SELECT count(*) FROM (SELECT user_id FROM social_accounts GROUP BY user_id HAVING count(*) > 1) x",
    "identities with several accounts":
        "SELECT count(*) FROM (SELECT uid FROM social_accounts GROUP BY provider, uid HAVING count(*) > 1) x",
    "users without the audit event of their sign-up":
        """SELECT count(*) FROM users u
           WHERE (SELECT count(*) FROM audit_events e WHERE e.user_id = u.id AND e.event = 'sign_up') <> 1""",
    "audit events of sign-ups without a user":
        """SELECT count(*) FROM audit_events e
           WHERE e.event = 'sign_up' AND NOT EXISTS (SELECT 1 FROM users u WHERE u.id = e.user_id)""",
    "users without any credential":
        "SELECT count(*) FROM users u WHERE " + " AND ".join(
            f"NOT EXISTS (SELECT 1 FROM {table} c WHERE c.user_id = u.id)" for table in CREDENTIAL_TABLES),
} | {
    f"rows of {table} without a user":
        f"SELECT count(*) FROM {table} c WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.id = c.user_id)"
    for table in ["social_accounts", *CREDENTIAL_TABLES]
}
#: All of these counts in one statement: what is counted, and the count.
COUNTS = " UNION ALL ".join(f"SELECT '{what}', ({sql})" for what, sql in WRONG_ROWS.items())


def described(counts):
    return [f"{count} {what}" for what, count in counts if count != "0"]


class Unavailable(Exception):
    """This machine cannot make the fault."""


class SQLite:
    name = "sqlite"

    def __init__(self, folder):
        self.path = pathlib.Path(folder) / "server.db"
        self.url = f"sqlite://{self.path}"

    def query(self, sql):
        with contextlib.closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=30)) as connection:
            return [tuple(str(value) for value in row) for row in connection.execute(sql)]

    async def sql(self, sql):
        return await asyncio.to_thread(self.query, sql)

    async def change(self, sql):
        """Runs a statement that writes. No server may be in the middle of a transaction for long."""
        def changed():
            with contextlib.closing(sqlite3.connect(self.path, timeout=30)) as connection, connection:
                connection.execute(sql)

        await asyncio.to_thread(changed)

    async def wrong_rows(self):
        wrong = described(await self.sql(COUNTS))
        checks = {"integrity_check": [("ok",)], "foreign_key_check": []}
        for pragma, right in checks.items():
            if (found := await self.sql(f"PRAGMA {pragma}")) != right:
                wrong.append(f"PRAGMA {pragma}: {found}")
        return wrong

    @contextlib.asynccontextmanager
    async def locked(self):
        """Another process has the lock of writers, as a backup program may."""
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=30)
        try:
            connection.execute("BEGIN EXCLUSIVE")
            yield
        finally:
            connection.close()


def programs():
    """The folder of PostgreSQL's programs."""
    found = glob.glob("/usr/lib/postgresql/*/bin")
    found = max(found, key=lambda path: int(path.split("/")[-2])) if found else None
    if not found and shutil.which("pg_config"):
        found = subprocess.run(["pg_config", "--bindir"], text=True, capture_output=True, check=True).stdout.strip()
    if not found or not os.path.exists(f"{found}/initdb"):
        raise SystemExit("PostgreSQL's server programs are missing (Debian: apt-get install postgresql).")
    return pathlib.Path(found)


class Cluster:
    """A PostgreSQL cluster as tests/postgres.sh makes it, which listens on a Unix socket in `folder`. It writes each commit to the
    system, because it must survive a crash of its own processes, and does not sync it, because the machine does not crash."""

    OPTIONS = ("-c listen_addresses='' -c unix_socket_directories={folder} -c max_connections=200 -c shared_buffers=32MB "
               "-c fsync=off -c full_page_writes=off -c autovacuum=off -c max_wal_size=256MB")

    def __init__(self, folder):
        self.folder, self.programs = pathlib.Path(folder), programs()
        self.folder.mkdir(parents=True, exist_ok=True)
        # PostgreSQL refuses to run as root.
        self.prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []

    async def make(self, copy_of=None):
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
        if copy_of:
            await run(*self.prefix, "cp", "-a", copy_of.folder / "data", self.folder / "data")
        else:
            await run(*self.prefix, self.programs / "initdb", "-D", self.folder / "data", "-U", "suite", "--auth=trust",
                      "--encoding=UTF8", "--locale=C", "--no-sync", cwd=self.folder)
        return self

    async def start(self):
        options = self.OPTIONS.format(folder=self.folder)
        await run(*self.prefix, self.programs / "pg_ctl", "-D", self.folder / "data", "-l", self.folder / "server.log",
                  "-o", options, "-w", "-t", "60", "start", cwd=self.folder)
        return self

    async def stop(self, mode="fast"):
        await run(*self.prefix, self.programs / "pg_ctl", "-D", self.folder / "data", "-m", mode, "-w", "-t", "60", "stop",
                  cwd=self.folder)

    async def database(self, name):
        await self.sql("postgres", f"CREATE DATABASE {name}")
        return Postgres(self, name)

    async def sql(self, database, sql):
        found = await run(self.programs / "psql", "-h", self.folder, "-U", "suite", "-d", database, "-AtqX", "-F", "\t",
                          "-v", "ON_ERROR_STOP=1", "-c", sql)
        return [tuple(line.split("\t")) for line in found.splitlines()]

    def processes(self):
        """The postmaster and its children."""
        parent = int((self.folder / "data/postmaster.pid").read_text().split()[0])
        children = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return [parent, *map(int, children)]

    @contextlib.asynccontextmanager
    async def stalled(self):
        """No process of the cluster runs."""
        stopped = self.processes()
        for process in stopped:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in stopped:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)


class Postgres:
    name = "postgres"

    def __init__(self, cluster, database):
        self.cluster, self.database = cluster, database
        self.url = f"postgres://suite@localhost/{database}?host={cluster.folder}"

    async def sql(self, sql):
        return await self.cluster.sql(self.database, sql)

    #: Runs a statement that writes.
    change = sql

    async def wrong_rows(self):
        return described(await self.sql(COUNTS))

    @contextlib.asynccontextmanager
    async def locked(self):
        """Another session has locked the users, as a migration of another program may; reading is allowed."""
        session = await asyncio.create_subprocess_exec(
            self.cluster.programs / "psql", "-h", self.cluster.folder, "-U", "suite", "-d", self.database, "-AtqX",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )
        session.stdin.write(b"BEGIN; LOCK TABLE users IN EXCLUSIVE MODE; SELECT 'locked';\n")
        try:
            assert (await session.stdout.readline()).strip() == b"locked"
            yield
        finally:
            session.stdin.close()
            await session.wait()

    async def cut_connections(self, only_in_transactions=True):
        """Ends the sessions of the servers. Returns how many."""
        state = "AND state <> 'idle'" if only_in_transactions else ""
        found = await self.cluster.sql("postgres", f"""SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = '{self.database}' AND application_name = 'rest-social-auth' {state}""")
        return len(found)


@contextlib.contextmanager
def mounted(*commands):
    """A new folder. The last of the commands mounts a file system at the path that is added to it. Errors: `Unavailable`, as only
    root may mount one."""
    folder = tempfile.mkdtemp(prefix="faults-disk.")
    try:
        try:
            for command in (*commands[:-1], [*commands[-1], folder]):
                subprocess.run(command, text=True, capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Unavailable(f"no file system can be mounted: {getattr(error, 'stderr', error)}") from error
        try:
            yield pathlib.Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)
    finally:
        os.rmdir(folder)


def small_disk(mebibytes):
    """A file system of this size in memory. Errors: as `mounted`."""
    return mounted(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0777", "tmpfs"])


def disk_that_freezes(image, mebibytes=64):
    """A file system in the file `image`, which `frozen` can stop. Errors: as `mounted`."""
    with open(image, "wb") as file:
        file.truncate(mebibytes * 1024 * 1024)
    return mounted(["mkfs.ext4", "-q", image], ["mount", "-o", "loop", image])


@contextlib.asynccontextmanager
async def frozen(folder):
    """Every write waits in the kernel, as on a disk or network that does not answer."""
    await run("fsfreeze", "--freeze", folder)
    try:
        yield
    finally:
        await run("fsfreeze", "--unfreeze", folder)


@contextlib.contextmanager
def filled(folder):
    """A file takes all space that is left."""
    ballast = pathlib.Path(folder) / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1024 * 1024, 4096):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)):
                    pass
    try:
        yield
    finally:
        ballast.unlink()


async def run(*command, cwd=None):
    """The standard output of a command, which must succeed."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    if pathlib.Path(command[-1]).name == "start":
        # The cluster keeps the pipes open.
        status = await process.wait()
        assert status == 0, f"{command} failed with {status}"
        return ""
    output, errors = await process.communicate()
    assert process.returncode == 0, f"{' '.join(map(str, command))}: {errors.decode().strip()}"
    return output.decode()
