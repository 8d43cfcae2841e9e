#!/bin/sh
#
# Makes the component, target/user-agent.component.wasm. `wigeon plugin build` runs this.

set -eu

cd "$(dirname "$0")"

if [ ! -d node_modules ]; then
    echo "node_modules is missing: npm install" >&2
    exit 1
fi

node build.js
