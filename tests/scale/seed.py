"""Seeds a database with many users by copying the rows of one user, whom a real server signed up. So the rows are those that a
server writes, and no column is forgotten.

Every user has a social account, two refresh tokens and two audit events; every fifth has a session and a permanent token. The
sweeper finds EXPIRED rows of each kind to delete.
"""

import sqlite3
import subprocess

#: The identity of the user whose rows are copied. Its digits occur in names and extra data, where they are replaced.
TEMPLATE = 777000777
#: Rows of each kind that have expired.
EXPIRED = 20_000
#: Users that one transaction seeds.
STEP = 250_000
NUMBER = "CAST(i AS TEXT)"


class SQLite:
    next_event = "NULL"
    digest, jti = "randomblob(32)", "lower(hex(randomblob(16)))"
    numbers = "(WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last}) SELECT i FROM n)"

    def __init__(self, path):
        self.connection = sqlite3.connect(path, isolation_level=None, timeout=60)
        for pragma in ["synchronous = OFF", "cache_size = -1000000", "foreign_keys = OFF"]:
            self.connection.execute(f"PRAGMA {pragma}")

    def run(self, statements):
        self.connection.execute("BEGIN IMMEDIATE")
        for statement in statements:
            self.connection.execute(statement)
        self.connection.execute("COMMIT")

    def row(self, table, condition):
        """A row as SQL literals by column."""
        columns = [column[1] for column in self.connection.execute(f"PRAGMA table_info({table})")]
        quoted = ", ".join(f"quote({column})" for column in columns)
        found = self.connection.execute(f"SELECT {quoted} FROM {table} WHERE {condition} LIMIT 1").fetchone()
        return dict(zip(columns, found))

    def reserve_ids(self, highest):
        """New users and accounts get higher ids."""
        return [f"UPDATE sqlite_sequence SET seq = {highest} WHERE name IN ('users', 'social_accounts')"]

    def finish(self):
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.connection.close()


class Postgres:
    next_event = "nextval('audit_events_id_seq')"
    digest, jti = "decode(md5(random()::text) || md5(random()::text), 'hex')", "md5(random()::text)"
    numbers = "(SELECT i::bigint AS i FROM generate_series({first}, {last}) AS n (i))"

    def __init__(self, url):
        self.url = url

    def psql(self, sql):
        command = ["psql", self.url, "-AtqX", "-v", "ON_ERROR_STOP=1"]
        done = subprocess.run(command, input=sql, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(self, statements):
        self.psql("BEGIN;" + ";".join(statements) + "; COMMIT;")

    def row(self, table, condition):
        """A row as SQL literals by column, each with its type."""
        columns = [line.split("|") for line in self.psql(
            "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute "
            f"WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum").splitlines()]
        quoted = " || E'\\x1f' || ".join(f"quote_nullable({name}::text)" for name, _ in columns)
        found = self.psql(f"SELECT {quoted} FROM {table} WHERE {condition} LIMIT 1").removesuffix("\n").split("\x1f")
        return {name: f"{value}::{kind}" for (name, kind), value in zip(columns, found, strict=True)}

    def reserve_ids(self, highest):
        """New users and accounts get higher ids."""
        return [f"SELECT setval('{table}_id_seq', {highest})" for table in ["users", "social_accounts"]]

    def finish(self):
        self.psql("VACUUM ANALYZE")


def copies(database, table, row, first, last, changed, every=1):
    """An insert of a copy of `row` for every user from `first` to `last`. `changed`: columns with another value."""
    def value(name, literal):
        if name in changed:
            return changed[name]
        if str(TEMPLATE) not in literal or literal.startswith("x"):
            return literal
        text, _, kind = literal.rpartition("::") if isinstance(database, Postgres) else (literal, "", "text")
        return f"CAST(replace({text}, '{TEMPLATE}', {NUMBER}) AS {kind})"
    columns = {name: value(name, literal) for name, literal in row.items()}
    numbers = database.numbers.format(first=first, last=last)
    condition = f" WHERE i % {every} = 0" if every > 1 else ""
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns.values())} FROM {numbers} AS numbers{condition}"


def seed(database, users, now):
    """Makes the users 1 to `users`, whose identities at the provider are their ids. The user of the template is deleted.
    `now`: milliseconds since 1970."""
    template = "(SELECT user_id FROM social_accounts)"
    rows = {"users": database.row("users", f"id = {template}")}
    for table in ["social_accounts", "refresh_tokens", "sessions", "tokens", "audit_events"]:
        rows[table] = database.row(table, f"user_id = {template}")
    rows["used_codes"] = database.row("used_codes", "code IS NOT NULL")
    rows["authorization_requests"] = database.row("authorization_requests", "key IS NOT NULL")
    database.run([f"DELETE FROM {table}" for table in reversed(rows)] + database.reserve_ids(users))
    digest, jti, user = database.digest, database.jti, {"user_id": "i"}

    def insert(table, first, last, changed, every=1):
        return copies(database, table, rows[table], first, last, changed, every)

    for first in range(1, users + 1, STEP):
        last = min(users, first + STEP - 1)
        event, token = {"id": database.next_event, **user}, {"jti": jti, "family": jti, **user}
        database.run([
            insert("users", first, last, {"id": "i"}),
            insert("social_accounts", first, last, {"id": "i", **user}),
            *[insert("audit_events", first, last, event)] * 2,
            *[insert("refresh_tokens", first, last, token)] * 2,
            insert("sessions", first, last, {"digest": digest, **user}, every=5),
            insert("tokens", first, last, {"digest": digest, **user}, every=5),
        ])
    last, expired = min(users, EXPIRED), {"expires": str(now - 86_400_000)}
    database.run([
        insert("used_codes", 1, last, {"code": digest, **expired}),
        insert("authorization_requests", 1, last, {"key": digest, "browser": digest, "flow": digest, **expired}),
        insert("sessions", 1, last, {"digest": digest, **user, **expired}),
        insert("refresh_tokens", 1, last, {"jti": jti, "family": jti, **user, **expired}),
    ])
    database.finish()
