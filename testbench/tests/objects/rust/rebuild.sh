#!/bin/sh
# Rebuilds the objects in this folder. Needs a rustc with its library sources (rust-src) and the LLVM tools of the
# same major version; the tests use the committed objects.
set -eu
cd "$(dirname "$0")"
export RUSTC_BOOTSTRAP=1
export CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER=$PWD/link.sh
sysroot=$("${RUSTC:-rustc}" --print sysroot)
remap="--remap-path-prefix=$PWD=. --remap-path-prefix=$sysroot=rust"
remap="$remap --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src=crates"
export CARGO_TARGET_BPFEL_UNKNOWN_NONE_RUSTFLAGS="$remap"
target=${CARGO_TARGET_DIR:-$(mktemp -d)}
"${CARGO:-cargo}" build --release --target bpfel-unknown-none -Zbuild-std=core --target-dir "$target"
for name in blocklist steer; do
    cp "$target/bpfel-unknown-none/release/$name" "$name.o"
    "llvm-strip-${LLVM:-22}" -g "$name.o"
done
