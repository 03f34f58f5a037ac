#!/bin/sh
# Rebuilds the committed object from its source: rebuild.sh [CLANG [LLVM_STRIP]]
#
# At -mcpu=v3 -O2, without DWARF and without any path of the machine. Needed after a change to the source.
set -eu
clang=${1:-clang-19}
strip=${2:-llvm-strip${clang#clang}}
arch_include=/usr/include/$(uname -m)-linux-gnu

cd "$(dirname "$0")"
"$clang" -O2 -g -Wall -Wextra -Werror -target bpf -mcpu=v3 -fno-strict-aliasing \
    -isystem "$arch_include" -fdebug-compilation-dir=. -c events.c -o events.o
"$strip" -g events.o
