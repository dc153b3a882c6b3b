"""Checks deploy/ and docs/DEPLOY.md with the real server, nginx, Caddy, Traefik, Litestream and promtool, on loopback only.

    tests/deploy/run.py SERVER [NAME …]

NAME selects checks. TEST_POSTGRES_URL, which tests/postgres.sh sets, is the PostgreSQL server of the check `nodes`.
"""

import os
import pathlib
import sys
import time
import traceback

from files import check_bill, check_containers, check_kubernetes, check_monitoring, check_service, check_workflows
from litestream import check_litestream
from manual import check_manual
from proxies import check_nodes, check_proxies
from support import Failure, temporary_folder


def in_folder(check):
    def checked():
        with temporary_folder() as folder:
            return check(folder)

    return checked


def main():
    binary = pathlib.Path(sys.argv[1]).resolve()
    database = os.environ.get("TEST_POSTGRES_URL")
    checks = {
        "containers": check_containers,
        "kubernetes": check_kubernetes,
        "service": in_folder(check_service),
        "monitoring": in_folder(check_monitoring),
        "workflows": check_workflows,
        "bill": in_folder(check_bill),
        "manual": lambda: check_manual(binary),
        "proxies": lambda: check_proxies(binary),
        "litestream": lambda: check_litestream(binary),
        "nodes": lambda: check_nodes(binary, database),
    }
    failed = 0
    for name, check in checks.items():
        if sys.argv[2:] and name not in sys.argv[2:]:
            continue
        started = time.monotonic()
        try:
            detail = check()
            print(f"ok     {name} ({time.monotonic() - started:.1f} s){': ' + detail if detail else ''}", flush=True)
        except Failure as failure:
            failed += 1
            print(f"FAILED {name}: {failure}", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED {name}:\n{traceback.format_exc()}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
