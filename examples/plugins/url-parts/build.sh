#!/bin/sh
#
# Compiles the plugin to a core module, target/url-parts.module.wasm. `wigeon plugin build` runs this, and makes a
# component of the module.
#
# CLANG names another clang, SYSROOT another wasi-libc.

set -eu

cd "$(dirname "$0")"

find_clang() {
    for clang in ${CLANG:-clang-14 clang}; do
        if command -v "$clang" >/dev/null 2>&1; then
            echo "$clang"
            return
        fi
    done
    echo "clang is missing: apt-get install clang-14 lld-14 wasi-libc libclang-rt-14-dev-wasm32" >&2
    exit 1
}

clang=$(find_clang)
if [ -n "${SYSROOT:-}" ]; then
    sysroot=--sysroot=$SYSROOT
elif [ -d /usr/include/wasm32-wasi ]; then
    sysroot=
else
    echo "wasi-libc is missing: apt-get install wasi-libc libclang-rt-14-dev-wasm32, or set SYSROOT" >&2
    exit 1
fi

mkdir -p target

# The object file carries the world, for whoever makes a component of the module. A reactor is a module without `main`;
# of wasi-libc only memory and strings are used, so nothing of WASI is imported.
"$clang" --target=wasm32-wasi $sysroot -mexec-model=reactor -std=c11 -O2 -g0 -msimd128 \
    -Wall -Wextra -Werror -Wno-unused-function \
    -Wl,--strip-debug \
    -o target/url-parts.module.wasm \
    src/url_parts.c bindings/transform.c bindings/transform_component_type.o
