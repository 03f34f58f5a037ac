#!/bin/sh
# Rebuilds the committed objects from their sources: rebuild.sh [CLANG [LLVM_STRIP]]
#
# One object for each program, at -mcpu=v3 -O2, without DWARF and without any path of the machine: what the test runs where
# there is no clang. Needed after a change to a source.
set -eu
clang=${1:-clang-19}
strip=${2:-llvm-strip${clang#clang}}
arch_include=/usr/include/$(uname -m)-linux-gnu

cd "$(dirname "$0")"
for source in *.c; do
    object=${source%.c}.o
    "$clang" -O2 -g -Wall -Wextra -Werror -Wno-address-of-packed-member -target bpf -mcpu=v3 -fno-strict-aliasing \
        -isystem "$arch_include" -fdebug-compilation-dir=. -c "$source" -o "$object"
    "$strip" -g "$object"
done
