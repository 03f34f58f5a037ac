#!/usr/bin/env bash
# Rebuilds the objects of this folder; needs clang and the headers of libbpf.
set -euo pipefail
cd "$(dirname "$0")"
for source in *.c; do
    "${CLANG:-clang}" -O2 -g -target bpf -mcpu=v3 -I"/usr/include/$(uname -m)-linux-gnu" -c "$source" -o "${source%.c}.o"
    "${LLVM_STRIP:-llvm-strip}" --strip-debug --keep-section=.BTF.ext --keep-section=.BTF "${source%.c}.o"
done
