"""Checks deploy/ and docs/DEPLOY.md with the real server, nginx, Caddy, Traefik, Litestream and promtool, on loopback only.

    tests/deploy/run.py SERVER [NAME …]

NAME selects checks. TEST_POSTGRES_URL, which tests/postgres.sh sets, is the PostgreSQL server of the check `nodes`.
"""

import concurrent.futures
import os
import pathlib
import sys
import time
import traceback

from files import check_bill, check_containers, check_kubernetes, check_monitoring, check_service, check_workflows
from litestream import check_litestream
from manual import check_manual
from proxies import check_nodes, check_proxies
from release import check_release
from support import Failure, temporary_folder


#: Most checks wait for programs that start.
MAX_PARALLEL = 4


def in_folder(check):
    def checked():
        with temporary_folder() as folder:
            return check(folder)

    return checked


def main():
    binary = pathlib.Path(sys.argv[1]).resolve()
    database = os.environ.get("TEST_POSTGRES_URL")
    # The longest ones first.
    checks = {
        "nodes": lambda: check_nodes(binary, database),
        "proxies": lambda: check_proxies(binary),
        "manual": lambda: check_manual(binary, database),
        "litestream": lambda: check_litestream(binary),
        "release": check_release,
        "bill": in_folder(check_bill),
        "kubernetes": check_kubernetes,
        "containers": check_containers,
        "service": in_folder(check_service),
        "monitoring": in_folder(check_monitoring),
        "workflows": check_workflows,
    }
    selected = {name: check for name, check in checks.items() if name in (sys.argv[2:] or checks)}
    with concurrent.futures.ThreadPoolExecutor(MAX_PARALLEL) as pool:
        results = list(pool.map(lambda item: report(*item), selected.items()))
    return 0 if results and all(results) else 1


def report(name, check):
    """Runs one check and prints its result. Returns whether it passed."""
    started = time.monotonic()
    try:
        detail = check()
        result = f"ok     {name} ({time.monotonic() - started:.1f} s){': ' + detail if detail else ''}"
    except Failure as failure:
        result = f"FAILED {name}: {failure}"
    except Exception:
        result = f"FAILED {name}:\n{traceback.format_exc()}"
    print(result, flush=True)
    return result.startswith("ok")


if __name__ == "__main__":
    sys.exit(main())
