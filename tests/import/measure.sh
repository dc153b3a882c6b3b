#!/usr/bin/env bash
# Measures an import: creates a Django database with N users (see make_many in make_django_db.py) and imports it into an
# empty database. Needs the release binary (`make build`), or another one in BINARY.
#
#   tests/import/measure.sh [N]
#     SOURCE=postgres://…   another source than SQLite: an empty database, or one from an earlier run
#     TARGET=postgres://…   another target than SQLite: an empty database
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
number=${1:-1000000}
binary=${BINARY:-$here/../../target/release/rest-social-auth}
if [ ! -x "$binary" ]; then echo "There is no $binary: run \`make build\` first." >&2; exit 1; fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export SECRET_KEY=secret-key-of-this-measurement-only-93d1 PUBLIC_URL=http://127.0.0.1:8000
export DATABASE_URL=${TARGET:-sqlite://$folder/target.db} DJANGO_DATABASE_URL=${SOURCE:-sqlite://$folder/django.sqlite3}
export SOCIAL_AUTH_GITHUB_KEY=measured SOCIAL_AUTH_GOOGLE_OAUTH2_KEY=measured
python=$("$here/venv.sh")
"$python" "$here/make_django_db.py" "$DJANGO_DATABASE_URL" --many "$number"
time "$binary" import django
echo "again, with all rows imported:" >&2
time "$binary" import django
