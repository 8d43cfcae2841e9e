#!/bin/sh
#
# Compiles the plugin to a core module, target/url-parts.module.wasm. `wigeon plugin build` runs this, and makes a
# component of the module.
#
# CLANG names another clang, WASI_SYSROOT another wasi-libc.

set -eu

cd "$(dirname "$0")"

missing() {
    echo "$1 is missing: apt-get install clang-14 lld-14 wasi-libc libclang-rt-14-dev-wasm32, or set $2" >&2
    exit 1
}

clang=${CLANG:-$(command -v clang-14 || command -v clang || true)}
command -v "$clang" >/dev/null 2>&1 || missing "${clang:-clang}" CLANG
sysroot=${WASI_SYSROOT:-/usr}
[ -d "$sysroot/include/wasm32-wasi" ] || missing "wasi-libc" WASI_SYSROOT
# Clang runs the linker that it finds beside itself or on the PATH; Debian's looks for the one of its own version.
linker=
for name in wasm-ld wasm-ld-14; do
    found=$("$clang" --target=wasm32-wasi -print-prog-name="$name" || true)
    if command -v "$found" >/dev/null 2>&1; then
        linker=$found
        break
    fi
done
if [ -z "$linker" ]; then
    echo "wasm-ld is missing: apt-get install lld-14" >&2
    exit 1
fi

mkdir -p target

# The object file carries the world, for whoever makes a component of the module. A reactor is a module without `main`;
# of wasi-libc only memory and strings are used, so nothing of WASI is imported.
"$clang" --target=wasm32-wasi --sysroot="$sysroot" -mexec-model=reactor -std=c11 -O2 -g0 -msimd128 \
    -Wall -Wextra -Werror -Wno-unused-function \
    -Wl,--strip-debug \
    -o target/url-parts.module.wasm \
    src/*.c bindings/wigeon.c bindings/wigeon_component_type.o
