#!/bin/sh
#
# Makes the component, target/holiday.component.wasm. `wigeon plugin build` runs this.
#
# COMPONENTIZE_PY names another componentize-py, WIT another directory of the contract.

set -eu

cd "$(dirname "$0")"

componentize=${COMPONENTIZE_PY:-componentize-py}
if ! command -v "$componentize" >/dev/null 2>&1; then
    echo "componentize-py is missing: python3 -m pip install componentize-py==0.25.1, or set COMPONENTIZE_PY" >&2
    exit 1
fi

mkdir -p target

# -s: no WASI, which Wigeon denies.
"$componentize" --quiet -d "${WIT:-../../../wit}" -w transform componentize -s -p src transform_step -o target/holiday.component.wasm
