#!/usr/bin/env bash
# Runs a command with a temporary PostgreSQL cluster, which listens on a Unix socket only and is deleted afterwards.
# TEST_POSTGRES_URL has its URL. If that variable is already set, no cluster is started.
set -euo pipefail

if [ -n "${TEST_POSTGRES_URL:-}" ]; then exec "$@"; fi

bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1 || true)
if [ -z "$bin" ] && command -v pg_config >/dev/null; then bin=$(pg_config --bindir); fi
if [ ! -x "$bin/initdb" ]; then
  echo "PostgreSQL's server programs are missing (Debian: apt-get install postgresql)." >&2
  exit 1
fi

folder=$(mktemp -d /tmp/suite-postgres.XXXXXX)
# PostgreSQL refuses to run as root.
as_owner() { "$@"; }
if [ "$(id -u)" = 0 ]; then
  chown postgres "$folder"
  as_owner() { (cd "$folder" && runuser -u postgres -- "$@"); }
fi
stop() {
  as_owner "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true
  rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT TERM

as_owner "$bin/initdb" -D "$folder/data" -U suite --auth=trust --encoding=UTF8 --locale=C --no-sync >"$folder/initdb.log" 2>&1 \
  || { cat "$folder/initdb.log" >&2; exit 1; }
# The data need not survive a crash.
options="-c listen_addresses='' -c unix_socket_directories=$folder -c max_connections=300 -c shared_buffers=64MB"
options="$options -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c autovacuum=off -c max_wal_size=256MB"
as_owner "$bin/pg_ctl" -D "$folder/data" -l "$folder/server.log" -o "$options" -w -t 60 start >/dev/null \
  || { cat "$folder/server.log" >&2; exit 1; }

export TEST_POSTGRES_URL="postgres://suite@localhost/postgres?host=$folder"
status=0
"$@" || status=$?
exit "$status"
