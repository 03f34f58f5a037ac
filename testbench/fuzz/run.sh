#!/usr/bin/env bash
# Fuzzes one target with libFuzzer on the stable compiler: run.sh TARGET [libFuzzer options], e.g. run.sh elf -runs=1000000.
# Corpus and findings stay below target/fuzz. `cargo +nightly fuzz run TARGET` works too.
set -euo pipefail
cd "$(dirname "$0")"
name="$1"
shift
host="$(rustc -vV | sed -n 's/^host: //p')"
dir="${CARGO_TARGET_DIR:-../../target/fuzz}"
# What `cargo fuzz` passes, without a sanitizer: the code has no `unsafe` where bytes are read.
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table --cfg fuzzing"
# With it, libFuzzer sees the operands of comparisons, and runs a third as fast.
if [ -n "${FUZZ_COMPARES:-}" ]; then
    RUSTFLAGS+=" -Cllvm-args=-sanitizer-coverage-trace-compares"
    dir+=-compares
fi
export CARGO_TARGET_DIR="$dir"
cargo build --quiet --release --target "$host" --bin "$name"
export FUZZ_SEEDS="$dir/corpus/$name"
mkdir -p "$dir/corpus/$name" "$dir/found/$name"
# Memory is bounded from outside, so that an absurd size is a finding even if it is never written.
ulimit -v "${FUZZ_MEMORY_KB:-2000000}"
exec "$dir/$host/release/$name" -artifact_prefix="$dir/found/$name/" -timeout=10 -report_slow_units=1 -entropic_scale_per_exec_time=1 \
    -print_final_stats=1 "$@" "$dir/corpus/$name"
