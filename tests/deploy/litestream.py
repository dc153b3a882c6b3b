"""Litestream with the configuration of deploy/compose: a killed machine loses nothing that is older than its delay."""

import json
import re
import signal
import sqlite3
import time

from support import DEPLOY, Client, Process, consent, expect, free_port, is_ready, program, run, running_provider, server, temporary_folder

HOST_PATH = re.compile(r"^https://[^/]+")


def sign_in(port, user):
    browser = Client(port, tls=False)
    begun = browser.get("/api/login/social/authorize/company/?kind=session&next=https://app.example.com/", Sec_Fetch_Mode="navigate")
    callback = consent(begun.headers["Location"], user)
    completed = browser.get(HOST_PATH.sub("", callback), Sec_Fetch_Mode="navigate")
    expect(completed.headers.get("Location") == "https://app.example.com/", f"the login is refused: {completed}")


def users(binary, process):
    command = [binary, "users", "list", "--json", "--config", process.command[3]]
    return {user["username"] for user in json.loads(run(command, env=process.environment))}


def check_litestream(binary):
    with temporary_folder() as folder, running_provider() as provider:
        data = folder / "data"
        data.mkdir()
        database = data / "rest-social-auth.db"
        environment = {"LITESTREAM_DATABASE": str(database), "LITESTREAM_REPLICA_URL": f"file://{folder}/replica"}
        options = ["-config", DEPLOY / "compose/litestream.yml"]
        port = free_port()
        process = server(binary, folder, "server", provider, port, DATABASE_URL=f"sqlite://{database}")
        restore = [program("litestream"), "restore", *options, "-if-db-not-exists", "-if-replica-exists", database]
        # The first start has neither a file nor a replica.
        run(restore, env={**process.environment, **environment})
        with process:
            process.wait_until(is_ready(port))
            with Process(folder, "litestream", [program("litestream"), "replicate", *options], environment) as copier:
                sign_in(port, "mara")
                sign_in(port, "tomas")
                expected = users(binary, process)
                expect(len(expected) == 2, f"the users are {expected}")
                # Litestream copies once a second.
                copier.wait_until(lambda: any((folder / "replica").rglob("*.ltx")))
                time.sleep(3)
                # The machine fails.
                copier.stop(signal.SIGKILL)
            process.stop(signal.SIGKILL)
            for path in data.glob("*"):
                if path.is_file():
                    path.unlink()
            output = run(restore, env={**process.environment, **environment})
            expect(database.exists(), f"nothing was restored: {output}")
            check = sqlite3.connect(database).execute("PRAGMA integrity_check").fetchall()
            expect(check == [("ok",)], f"the restored file is damaged: {check}")
            expect(users(binary, process) == expected, "users are missing after the restore")
            # With the same SECRET_KEY the sessions and keys of the database count again.
            process.start()
            process.wait_until(is_ready(port))
            sign_in(port, "mara")
            expect(users(binary, process) == expected, "a user was created twice")
