"""Runs the fault, crash and node suites against a server that is already built.

    tests/faults/run.py SERVER [--short] [--previous SERVER] [SUITE …]

Each suite starts the server as child processes, with real databases and a provider of its own, on loopback. The suites run at the
same time, because most of their time is waiting for time limits. It needs Linux, and PostgreSQL's programs.
"""

import argparse
import asyncio
import pathlib
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import crashes
import database_faults
import nodes
import provider_faults
import upgrade
from databases import Cluster
from steps import Run

#: Seconds for everything.
LIMIT = 600
SUITES = {
    "provider": provider_faults.suite,
    "sqlite": database_faults.sqlite_suite,
    "postgres": database_faults.postgres_suite,
    "crash-sqlite": crashes.sqlite_suite,
    "crash-postgres": crashes.postgres_suite,
    "nodes": nodes.suite,
    "upgrade-sqlite": upgrade.sqlite_suite,
    "upgrade-postgres": upgrade.postgres_suite,
}


async def run_suites(run, names):
    async def guarded(name):
        async with run.step(f"{name}: the whole suite"):
            await SUITES[name](run)

    # All processes are ended on SIGTERM, as on SIGINT.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)
    try:
        async with asyncio.timeout(LIMIT), asyncio.TaskGroup() as tasks:
            # The clusters of the suites are copies of one, which is made once.
            if set(names) & {"postgres", "crash-postgres", "nodes", "upgrade-postgres"}:
                run.template = tasks.create_task(Cluster(run.memory / "template").make())
            for name in names:
                tasks.create_task(guarded(name))
    except TimeoutError:
        run.failed.append(f"not finished within {LIMIT} s")


def memory_file_system():
    """A folder in memory, where a commit takes the same time on every machine; None: there is none with enough space."""
    found = pathlib.Path("/dev/shm")
    return found if found.is_dir() and shutil.disk_usage(found).free > 1024**3 else None


def make_folder(parent):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="faults.", dir=parent))
    # PostgreSQL runs as another user.
    folder.chmod(0o755)
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("server", type=pathlib.Path)
    parser.add_argument("--short", action="store_true", help="less than a minute: shorter time limits, fewer crashes")
    parser.add_argument("--previous", type=pathlib.Path, help="the server of the previous release, for the upgrade suites")
    parser.add_argument("suite", nargs="*", help=f"{', '.join(SUITES)}; without a name, all")
    arguments = parser.parse_intermixed_args()
    if unknown := set(arguments.suite) - set(SUITES):
        parser.error(f"unknown suite {', '.join(unknown)}")
    if not pathlib.Path("/proc/self/smaps_rollup").exists():
        print("The fault suite needs Linux: it is not run.")
        return 0
    if sys.version_info < (3, 11):
        return print("The fault suite needs Python 3.11.", file=sys.stderr) or 1
    started = time.monotonic()
    folder, memory = make_folder(None), make_folder(memory_file_system())
    previous = arguments.previous and arguments.previous.resolve()
    run = Run(arguments.server.resolve(), folder, memory, arguments.short, previous)
    try:
        asyncio.run(run_suites(run, arguments.suite or list(SUITES)))
    except (KeyboardInterrupt, asyncio.CancelledError):
        run.failed.append("interrupted")
    finally:
        if run.failed:
            print(f"The logs are in {folder} and {memory}.")
        else:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(memory, ignore_errors=True)
    print(f"{run.passed} passed, {len(run.failed)} failed, {len(run.skipped)} skipped in {time.monotonic() - started:.0f} s")
    for name in run.failed:
        print(f"failed: {name}")
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
