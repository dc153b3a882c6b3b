#!/usr/bin/env bash
# Runs all checks of Schemathesis against every operation of the development server. schemathesis.toml lists the exceptions
# with their reasons.
#
# Rate limits are off, so that thousands of generated requests get the answer of their route.
#
# SEED=N selects another seed than the default.
#
#   tests/openapi/run.sh SERVER SCHEMATHESIS [more arguments for schemathesis]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
server=$(realpath "$1") schemathesis=$(realpath -s "$2")
shift 2
folder=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
(cd "$folder" && LISTEN="127.0.0.1:$port" RUST_LOG=warn RATE_LIMITS=off exec "$server" dev >server.log 2>&1) &
pid=$!
stop() { kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; rm -rf "$folder"; }
trap stop EXIT
for _ in $(seq 100); do
  curl -fsS "http://127.0.0.1:$port/healthz" >/dev/null 2>&1 && break
  sleep 0.1
done
"$schemathesis" --config-file "$here/schemathesis.toml" run "http://127.0.0.1:$port/openapi.json" --seed "${SEED:-20261124}" "$@"
