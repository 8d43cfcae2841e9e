#!/bin/sh
#
# Makes the component. `wigeon plugin build` runs this.

set -eu

cd "$(dirname "$0")"

if ! command -v node >/dev/null 2>&1; then
    echo "node is missing: install Node.js 20 or later" >&2
    exit 1
fi
if [ ! -d node_modules ]; then
    echo "node_modules is missing: npm install" >&2
    exit 1
fi

node build.js
