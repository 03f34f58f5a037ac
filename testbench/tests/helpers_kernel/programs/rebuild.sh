#!/bin/sh
# Rebuilds the programs in this folder from their sources. Needs clang and llvm 19 and libbpf's headers;
# the tests use the committed objects.
set -eu
cd "$(dirname "$0")"
CLANG=${CLANG:-clang-19}
STRIP=${STRIP:-llvm-strip-19}
FLAGS="-target bpf -O2 -g -mcpu=v3 -Wall -I/usr/include/$(uname -m)-linux-gnu -ffile-prefix-map=$PWD=."

for source in *.c; do
    name=${source%.c}
    "$CLANG" $FLAGS -c "$source" -o "$name.o"
    "$STRIP" -g "$name.o"
done
