#!/bin/sh
# Rebuilds wire.btf from wire.c. Needs clang, llvm-objcopy and the headers of Linux.
set -eu
cd "$(dirname "$0")"
object=$(mktemp)
"${CLANG:-clang-19}" -O2 -g -target bpf -D__x86_64__ -I"/usr/include/$(uname -m)-linux-gnu" -c wire.c -o "$object"
"${OBJCOPY:-llvm-objcopy-19}" --dump-section .BTF=wire.btf "$object"
rm "$object"
