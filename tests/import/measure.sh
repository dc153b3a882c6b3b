#!/usr/bin/env bash
# How fast an import is: makes a Django database with N users, N linked accounts and N tokens, and moves it into an empty
# one. The release binary is wanted (`make build`); BINARY names another.
#
#   tests/import/measure.sh [N]        TARGET=postgres://… for another target than SQLite
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
number=${1:-1000000}
binary=${BINARY:-$here/../../target/release/rest-social-auth}
if [ ! -x "$binary" ]; then echo "There is no $binary: run \`make build\` first." >&2; exit 1; fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export SECRET_KEY=a-key-that-is-made-for-this-measurement-alone PUBLIC_URL=http://127.0.0.1:8000
export DATABASE_URL=${TARGET:-sqlite://$folder/target.db} SOCIAL_AUTH_GITHUB_KEY=measured
python=$("$here/venv.sh")
echo "making $number users" >&2
"$python" "$here/make_django_db.py" "sqlite://$folder/django.sqlite3" --many "$number"
time "$binary" import django --from "sqlite://$folder/django.sqlite3"
echo "and once more, when all is there:" >&2
time "$binary" import django --from "sqlite://$folder/django.sqlite3"
