#!/bin/sh
# Linker for `rebuild.sh`: rustc's bitcode objects and archives to one BPF object, in the way of bpf-linker: link all,
# keep what stands in a named section, optimise, generate code.
set -eu
LLVM=${LLVM:-22}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
out= inputs=
while [ $# -gt 0 ]; do
    case $1 in
    -o) out=$2; shift ;;
    *.rlib)
        dir=$work/$(basename "$1")
        mkdir "$dir"
        (cd "$dir" && "llvm-ar-$LLVM" x "$1" && rm -f lib.rmeta)
        inputs="$inputs $(find "$dir" -name '*.o')"
        ;;
    *.o) inputs="$inputs $1" ;;
    esac
    shift
done
"llvm-link-$LLVM" $inputs -o "$work/all.bc"
# What carries a section is for the loader; all else is local.
keep=$("llvm-dis-$LLVM" "$work/all.bc" -o - | sed -n 's/^\(@\|define[^@]*@\)"\{0,1\}\([A-Za-z0-9_.$]*\).* section ".*/\2/p' | paste -sd,)
names=$("llvm-dis-$LLVM" "$work/all.bc" -o - | sed -n 's/^@\([A-Z_]*\) = .*/\1/p' | paste -sd,)
"opt-$LLVM" --internalize-public-api-list="$keep,$names" -passes='internalize,default<O2>,globaldce' "$work/all.bc" -o "$work/opt.bc"
"llc-$LLVM" -march=bpfel -mcpu="${CPU:-v2}" -filetype=obj "$work/opt.bc" -o "$out"
