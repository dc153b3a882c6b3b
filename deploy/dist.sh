#!/usr/bin/env bash
# Makes the files of a release in target/dist: the archive with a static binary, its SBOM, and SHA256SUMS.
#
#   TARGET  a Rust target for Linux. Default: that of this machine, with musl if `rustup target add` has installed it, otherwise
#           with glibc linked statically.
#   CARGO   `cargo`, or a program that cross-compiles, such as `cargo-zigbuild`.
#
# For aarch64, run it on such a machine, or cross-compile:
#
#   rustup target add aarch64-unknown-linux-musl && pip install cargo-zigbuild
#   make dist TARGET=aarch64-unknown-linux-musl CARGO=cargo-zigbuild
#
# A cross-compiled archive has no completions and no man pages, because its binary does not run here.
set -euo pipefail
cd "$(dirname "$0")/.."

WANTED_BINARY_BYTES=$((16 * 1000 * 1000))

architecture=$(uname -m)
if [ -z "${TARGET:-}" ]; then
  TARGET=$architecture-unknown-linux-musl
  [ -d "$(rustc --print sysroot)/lib/rustlib/$TARGET/lib" ] || TARGET=$architecture-unknown-linux-gnu
fi

host=$(rustc -vV | sed -n 's/^host: //p')
flags=(-C target-feature=+crt-static)
case "$TARGET" in
  # Relocations in a fiftieth of the space.
  *-linux-*) flags+=(-C link-arg=-Wl,-z,pack-relative-relocs) ;;
  *) echo "make dist: $TARGET is no target for Linux" >&2 && exit 2 ;;
esac
if [ "$TARGET" = "$host" ]; then
  # With the dependencies that `make build` has compiled.
  options=()
  output=target/release
else
  # Without the folders of this machine in messages of errors.
  cargo_home=${CARGO_HOME:-$HOME/.cargo}
  export RUSTFLAGS="--remap-path-prefix=$PWD=. --remap-path-prefix=$cargo_home=cargo ${RUSTFLAGS:-}"
  export CFLAGS="-ffile-prefix-map=$cargo_home=cargo -ffile-prefix-map=$PWD=. ${CFLAGS:-}"
  options=(--target "$TARGET")
  output=target/$TARGET/release
fi
# The times in the archive, so that two builds of one commit are equal.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

echo "building for $TARGET"
"${CARGO:-cargo}" rustc --release --locked --bin rest-social-auth "${options[@]}" -- "${flags[@]}"
binary=$output/rest-social-auth
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)

if readelf --program-headers "$binary" | grep -q INTERP; then
  echo "make dist: $binary is not static" >&2
  exit 1
fi
bytes=$(stat --format=%s "$binary")
# Not an error: a release that is too large is better than none.
if [ "$bytes" -gt "$WANTED_BINARY_BYTES" ]; then
  echo "make dist: warning: $binary has $bytes bytes, more than the wanted $WANTED_BINARY_BYTES" >&2
fi

name=rest-social-auth-${TARGET%%-*}-linux
dist=$PWD/target/dist
rm -rf "$dist"
mkdir -p "$dist"
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
folder=$stage/rest-social-auth-$version
mkdir -p "$folder/docs"
install -m 755 "$binary" "$folder/"
install -m 644 README.md LICENSE CHANGELOG.md "$folder/"
install -m 644 docs/*.md "$folder/docs/"
git ls-files deploy | grep -vE 'dist\.sh|sbom\.py|Dockerfile' | tar cf - --files-from=- | tar xf - -C "$folder"
python3 deploy/sbom.py --target "$TARGET" --sbom "$dist/$name.cdx.json" --licenses "$folder/THIRD-PARTY-LICENSES.txt"

# Only a binary for this machine can print them.
if [ "${TARGET%%-*}" = "$architecture" ] && "$binary" completions --help >/dev/null 2>&1; then
  mkdir -p "$folder/completions" "$folder/man"
  for shell in bash zsh fish; do "$binary" completions "$shell" >"$folder/completions/rest-social-auth.$shell"; done
  "$binary" man "$folder/man" >/dev/null
fi

tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --mode=u+rw,go+r,go-w \
  -C "$stage" -cf - "rest-social-auth-$version" | gzip --no-name --best >"$dist/$name.tar.gz"
(cd "$dist" && sha256sum -- *.tar.gz *.cdx.json >SHA256SUMS)
echo "$TARGET: the binary has $bytes bytes"
ls -l "$dist"
