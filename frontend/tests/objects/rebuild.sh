#!/bin/sh
# Rebuilds the test objects in this folder from their sources. Needs clang and llvm 19 and libbpf's headers;
# the tests use the committed objects.
set -eu
cd "$(dirname "$0")"
CLANG=${CLANG:-clang-19}
STRIP=${STRIP:-llvm-strip-19}
FLAGS="-target bpf -O2 -Wall -I/usr/include/$(uname -m)-linux-gnu -ffile-prefix-map=$PWD=."

build() { # name, ISA version, further flags
    name=$1 cpu=$2
    shift 2
    "$CLANG" $FLAGS -mcpu="$cpu" "$@" -c "$name.c" -o "$name.o"
    "$STRIP" -g "$name.o"
}

build plain v3 -g
build calls v3 -g
build data v4 -g
build maps v3 -g
build legacy v1
build iproute2 v2
build several v1 -g
build externs v3 -g
build core v3 -g
build static_maps v1 -g
build odd_maps v1
build sections v3 -g
build kconfig v3 -g
build relocated v3 -g
build unresolved v3 -g
build kernel v3 -g
cp kernel.o kernel_same.o
build kernel v3 -g -DDIFFERENT
mv kernel.o kernel_different.o
mv kernel_same.o kernel.o
for source in *.s; do
    "$CLANG" -target bpf -mcpu=v4 -c "$source" -o "${source%.s}.o"
done
# The oldest clang that is packaged, for what it does otherwise.
OLD=${OLD:-clang-13}
for name in plain legacy calls data; do
    "$OLD" $FLAGS -mcpu=v2 -g -c "$name.c" -o "${name}_clang13.o"
    "$STRIP" -g "${name}_clang13.o"
done
# Two objects linked into one, as projects of several files do.
bpftool gen object linked.o calls.o data.o
