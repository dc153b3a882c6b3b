#!/usr/bin/env bash
# How fast an import is: makes a Django database of N users as a site that has run for years has them (see make_many in
# make_django_db.py), and moves it into an empty one. The release binary is wanted (`make build`); BINARY names another.
#
#   tests/import/measure.sh [N]
#     SOURCE=postgres://…   for another source than SQLite; an empty database, or one that this made before
#     TARGET=postgres://…   for another target than SQLite; an empty database
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
number=${1:-1000000}
binary=${BINARY:-$here/../../target/release/rest-social-auth}
if [ ! -x "$binary" ]; then echo "There is no $binary: run \`make build\` first." >&2; exit 1; fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export SECRET_KEY=a-key-that-is-made-for-this-measurement-alone PUBLIC_URL=http://127.0.0.1:8000
export DATABASE_URL=${TARGET:-sqlite://$folder/target.db} DJANGO_DATABASE_URL=${SOURCE:-sqlite://$folder/django.sqlite3}
export SOCIAL_AUTH_GITHUB_KEY=measured SOCIAL_AUTH_GOOGLE_OAUTH2_KEY=measured
python=$("$here/venv.sh")
"$python" "$here/make_django_db.py" "$DJANGO_DATABASE_URL" --many "$number"
time "$binary" import django
echo "and once more, when all is there:" >&2
time "$binary" import django
