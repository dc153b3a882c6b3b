#!/usr/bin/env bash
# Creates a Python environment with django-rest-social-auth (DRSA) under target/ and prints the path of its interpreter. A
# change of the requirements creates it again.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
mkdir -p "$target"
venv=$(cd "$target" && pwd)/django-venv
# Tests run in parallel: one creates the environment, the others wait.
exec 9>"$venv.lock"
flock 9
if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
  cp "$here/requirements.txt" "$venv/requirements.txt"
fi
echo "$venv/bin/python"
