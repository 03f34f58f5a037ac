#!/bin/sh
# Rebuilds the objects from their sources: rebuild.sh [CLANG [LLVM_STRIP]]
set -eu
clang=${1:-clang-19}
strip=${2:-llvm-strip${clang#clang}}

cd "$(dirname "$0")"
for source in *.c; do
    "$clang" -O2 -g -Wall -Wextra -Werror -target bpf -mcpu=v3 -isystem "/usr/include/$(uname -m)-linux-gnu" \
        -fdebug-compilation-dir=. -c "$source" -o "${source%.c}.o"
    "$strip" -g "${source%.c}.o"
done
