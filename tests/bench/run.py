#!/usr/bin/env python3
"""Measures a release binary beside the least that the same answers cost, and prints the rows of docs/PERFORMANCE.md.

    run.py SERVER BENCH [--rounds 3] [--seconds 4] [--users 1000] [--postgres]

SERVER is the release binary, BENCH the program of this folder. Both servers get core 0, the provider and the load core 1, where the
machine has two. Each round measures first the one, then the other: compare the ratios, as other work on the machine changes both.
`--postgres` measures logins with the database of TEST_POSTGRES_URL (`tests/postgres.sh`) instead of SQLite.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

OPERATIONS = [  # name, operation, users at a time
    ("returning login, 16 users", "login", 16),
    ("returning login, 1 user", "login", 1),
    ("new login", "new-login", 16),
    ("verify", "verify", 16),
    ("refresh", "refresh", 16),
]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Processes:
    """Starts processes and ends them, the last one first."""

    def __init__(self, folder: pathlib.Path):
        self.folder, self.started = folder, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.started):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self, name: str, core: int, command: list, port: int, **environment) -> subprocess.Popen:
        log = (self.folder / f"{name}.log").open("ab")
        process = subprocess.Popen(
            pinned(core) + [str(part) for part in command],
            env={"PATH": os.environ["PATH"], **environment},
            stdout=log,
            stderr=log,
        )
        self.started.append(process)
        deadline = time.monotonic() + 30
        while not answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{name} does not answer:\n{(self.folder / f'{name}.log').read_text()}")
        return process


def pinned(core: int) -> list:
    return ["taskset", "-c", str(core)] if (os.cpu_count() or 1) > 1 and shutil.which("taskset") else []


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
            return True
    except OSError:
        return False


def settings(port: int, provider: int, database: str) -> dict:
    return {
        "SECRET_KEY": "a secret key of this benchmark, with more than 32 bytes",
        "LISTEN": f"127.0.0.1:{port}",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "DATABASE_URL": database,
        "ALLOWED_REDIRECT_URIS": "http://127.0.0.1/cb",
        "STATE_POLICY": "when_present",
        "RATE_LIMITS": "off",
        "OUTGOING_ALLOW_PRIVATE": "true",
        "RUST_LOG": "warn",
        "SOCIAL_AUTH_GITHUB_ENTERPRISE_KEY": "client",
        "SOCIAL_AUTH_GITHUB_ENTERPRISE_SECRET": "secret",
        "SOCIAL_AUTH_GITHUB_ENTERPRISE_URL": f"http://127.0.0.1:{provider}",
        "SOCIAL_AUTH_GITHUB_ENTERPRISE_API_URL": f"http://127.0.0.1:{provider}",
        # For measurements of a setting.
        **{name: value for name, value in os.environ.items() if name in ("AUTH_TIME_INTERVAL", "METRICS_LISTEN", "SQLITE_SYNCHRONOUS")},
    }


class Target:
    """A server under load."""

    def __init__(self, bench: str, port: int, pids: list, users: int, seconds: float):
        self.bench, self.port, self.pids, self.users, self.seconds = bench, port, pids, users, seconds
        # Codes are not repeated, and new logins are of users that no other login has.
        self.next_code, self.next_user = 0, 10**9

    def load(self, operation: str, concurrency: int, seconds: float | None = None) -> dict:
        first = self.next_user if operation == "new-login" else self.next_code
        arguments = {
            "port": self.port, "operation": operation, "concurrency": concurrency, "users": self.users, "first": first,
            "seconds": seconds or self.seconds, "warm-up-ms": 500, "pids": ",".join(map(str, self.pids)),
        }  # fmt: skip
        command = [self.bench, "load"] + [part for name, value in arguments.items() for part in (f"--{name}", str(value))]
        done = subprocess.run(pinned(1) + command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{operation} failed: {done.stderr}")
        result = json.loads(done.stdout)
        if operation == "new-login":
            self.next_user = result["next"]
        else:
            self.next_code = result["next"]
        count = max(result["operations"], 1)
        used = result.pop("processes")
        result["cpu_ms"] = [process["cpu_ms"] / count for process in used]
        result["written"] = sum(process["written_bytes"] for process in used) / count
        return result

    def sign_up_all(self):
        """Creates the users of the returning logins."""
        while self.next_code < self.users:
            self.load("login", 16, 1)


def median(results: list, value) -> float:
    return statistics.median(value(result) for result in results)


def postmaster(url: str) -> int:
    folder = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["host"][0]
    return int(pathlib.Path(folder, "data", "postmaster.pid").read_text().split()[0])


def start_times(processes: Processes, server: str, environment: dict, port: int, count: int) -> list:
    times = []
    for _ in range(count):
        started = time.monotonic()
        process = processes.start("start", 0, [server, "serve"], port, **environment)
        times.append((time.monotonic() - started) * 1000)
        process.terminate()
        process.wait(30)
    return times


def proportional_set_size(pid: int) -> float:
    lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def measure(arguments: argparse.Namespace, folder: pathlib.Path) -> dict:
    provider, ours, baseline = free_port(), free_port(), free_port()
    database = os.environ["TEST_POSTGRES_URL"] if arguments.postgres else f"sqlite://{folder}/server.db"
    environment = settings(ours, provider, database)
    with Processes(folder) as processes:
        processes.start("provider", 1, [arguments.bench, "provider", "--port", provider], provider)
        migrated = subprocess.run([arguments.server, "migrate"], env=environment, capture_output=True, text=True)
        if migrated.returncode:
            sys.exit(migrated.stderr)
        starts = start_times(processes, arguments.server, environment, ours, 5)
        server = processes.start("server", 0, [arguments.server, "serve"], ours, **environment)
        bare = processes.start(
            "baseline", 0, [arguments.bench, "baseline", "--port", baseline, "--provider", provider, "--database", folder / "baseline.db"], baseline
        )
        pids = [server.pid] + ([postmaster(database)] if arguments.postgres else [])
        target = Target(arguments.bench, ours, pids, arguments.users, arguments.seconds)
        least = Target(arguments.bench, baseline, [bare.pid], arguments.users, arguments.seconds)
        target.sign_up_all()
        least.sign_up_all()
        results = {}
        for round_number in range(arguments.rounds):
            for name, operation, concurrency in OPERATIONS:
                pair = (least.load(operation, concurrency), target.load(operation, concurrency))
                results.setdefault(name, []).append(pair)
                print(f"round {round_number + 1}: {name}", file=sys.stderr)
        memory = proportional_set_size(server.pid)
    return {"results": results, "start_ms": statistics.median(starts), "pss_mib": memory}


def report(measured: dict, with_postgres: bool) -> str:
    lines = ["| operation | CPU ms | of the database | bare server | ratio | p50 ms | p99 ms | maximum ms | bytes written |", "|" + "---|" * 9]
    for name, pairs in measured["results"].items():
        ours, least = [pair[1] for pair in pairs], [pair[0] for pair in pairs]
        cpu, bare = median(ours, lambda result: result["cpu_ms"][0]), median(least, lambda result: result["cpu_ms"][0])
        # The ratio of each round, since both were measured within seconds.
        ratio = statistics.median(pair[1]["cpu_ms"][0] / pair[0]["cpu_ms"][0] for pair in pairs)
        of_database = f"{median(ours, lambda result: result['cpu_ms'][1]):.3f}" if with_postgres else ""
        p50, p99, most = (median(ours, lambda result: result[key]) for key in ("p50_ms", "p99_ms", "max_ms"))
        written = median(ours, lambda result: result["written"])
        lines.append(
            f"| {name} | {cpu:.3f} | {of_database} | {bare:.3f} | {ratio:.1f} | {p50:.1f} | {p99:.1f} | {most:.1f} | {written:,.0f} |"
        )
    lines.append("")
    lines.append(f"Start to the first 200: {measured['start_ms']:.0f} ms. Proportional set size after the load: {measured['pss_mib']:.1f} MiB.")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server")
    parser.add_argument("bench")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--folder", help="where the databases are made; its disk is measured")
    arguments = parser.parse_args()
    if arguments.postgres and "TEST_POSTGRES_URL" not in os.environ:
        sys.exit("--postgres needs TEST_POSTGRES_URL: run it with tests/postgres.sh")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        measured = measure(arguments, pathlib.Path(folder))
    print(report(measured, arguments.postgres))


if __name__ == "__main__":
    main()
