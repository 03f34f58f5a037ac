#!/bin/sh
# Rebuilds every example's object from its C source: rebuild.sh [CLANG [LLVM_STRIP]]
#
# Needs clang with the BPF target and the headers of libbpf. Only for changing
# an example: the objects are committed. Each source is compiled from inside its
# own folder with relative paths, and DWARF is removed, so that an object holds
# code, maps and BTF (with its line information) and no path of the machine.
set -eu
clang=${1:-clang-19}
strip=${2:-llvm-strip${clang#clang}}
arch_include=/usr/include/$(uname -m)-linux-gnu

cd "$(dirname "$0")"
for source in */*.c; do
    name=${source%%/*}
    (
        cd "$name"
        "$clang" -O2 -g -Wall -Wextra -Werror -target bpf -mcpu=v3 -fno-strict-aliasing \
            -isystem "$arch_include" -fdebug-compilation-dir=. \
            -c "$name.c" -o "$name.o"
        "$strip" -g "$name.o"
    )
    echo "examples/$name/$name.o"
done
