# Every developer action. `./just` lists them, and brings `just` itself if the machine lacks it.
#
# There is one build profile, release, so that the demo, the tests and the binary share what is compiled. For the
# same reason targets are chosen with --bin and --bench, not with -p: cargo picks the features of the dependencies
# by the packages it is asked for, and compiles them again when they differ.

set positional-arguments

tools := env("WIGEON_TOOLS", justfile_directory() / ".tools")

export WIGEON_TOOLS := tools

# The same paths as in .cargo/config.toml unless WIGEON_TOOLS or DUCKDB_LIB_DIR say otherwise.
export DUCKDB_LIB_DIR := env("DUCKDB_LIB_DIR", tools / "duckdb")
export LD_LIBRARY_PATH := DUCKDB_LIB_DIR + if env("LD_LIBRARY_PATH", "") == "" { "" } else { ":" + env("LD_LIBRARY_PATH") }

# What `./just setup-languages` brought, for the tests that build plugins in other languages than Rust.
languages := tools / "languages"
clang := languages / "bin/clang"
componentize_py := languages / "bin/componentize-py"
node_modules := languages / "js/node_modules"

export CLANG := env("CLANG", if path_exists(clang) == "true" { clang } else { "" })
export WASI_SYSROOT := env("WASI_SYSROOT", if path_exists(clang) == "true" { languages / "clang/usr" } else { "" })
export COMPONENTIZE_PY := env("COMPONENTIZE_PY", if path_exists(componentize_py) == "true" { componentize_py } else { "" })
export WIGEON_NODE_MODULES := env("WIGEON_NODE_MODULES", if path_exists(node_modules) == "true" { node_modules } else { "" })

# List the recipes
default:
    @"{{ just_executable() }}" --justfile "{{ justfile() }}" --list --unsorted

# Bring what the machine lacks: the WebAssembly target, DuckDB's library
setup:
    @tools/setup

# Bring what plugins in C, Python and JavaScript, and in Rust with WASI, are built with, so that `./just test` tests those too
setup-languages:
    @tools/setup-languages

# Compile cargo-deny, for `./just check-deny`
setup-deny:
    @tools/setup-deny

# Build the `wigeon` binary
build: setup
    cargo build --release --bin wigeon

# Run the flagship pipeline over several days of sample extracts and print its answers
demo: setup
    @tools/demo

# Run every test; arguments go to `cargo test`
test *args: setup
    @tools/setup-tests
    cargo test --release --workspace --no-fail-fast "$@"

# Run everything that CI runs
check: check-fmt check-lint check-doc check-deny test

# Check the formatting
check-fmt:
    cargo fmt --all --check

# Check with clippy; a warning is an error
check-lint: setup
    cargo clippy --release --workspace --all-targets -- -D warnings

# Check that the documentation builds without a warning
check-doc: setup
    RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps

# Check licences, advisories and the direction of dependencies, if cargo-deny is installed
check-deny:
    @tools/check-deny

# Format, and repair what clippy can repair
fix: setup
    cargo clippy --release --workspace --all-targets --fix --allow-dirty --allow-staged
    cargo fmt --all

# Refresh every snapshot and golden file from what the tests see; review the diff afterwards
bless *args: setup
    WIGEON_BLESS=1 INSTA_UPDATE=always cargo test --release --workspace --no-fail-fast "$@"

# Simulate a year of hourly and daily runs, of which many are killed (`./just soak 30`: thirty days)
soak days="365": setup
    @cargo build --release --workspace --bins
    @WIGEON_SOAK_DAYS={{ days }} cargo test --release --workspace --test pipelines -- --exact soak::runs_that_are_killed_now_and_then_end_in_the_tables_of_the_oracle

# Measure what a sandboxed plugin costs, through the lanes (the bench profile inherits release)
bench-lanes *args: setup
    cargo bench --workspace --bench lanes -- "$@"

# Measure Wigeon against hand-written SQL in the same DuckDB (BENCHMARKS.md; `./just bench --help` shows the options)
bench *args: setup
    @cargo build --release --workspace --bins
    @cargo run --release --quiet --bin bench -- "$@"

# Search for bytes that break `arrays`, `manifests` or `components` (needs nightly Rust and cargo-fuzz); what is found goes to fuzz/artifacts
fuzz target *args: setup
    cargo +nightly fuzz run "$@"

# Generate extracts of any size for the flagship pipeline (--help shows the options)
[no-cd, no-exit-message]
generate *args: setup
    @cargo run --release --manifest-path "{{ justfile_directory() / "Cargo.toml" }}" --bin generate-extracts -- "$@"

# Build the libraries, and with them the plugins that the binary embeds
plugins: setup
    cargo build --release --workspace --lib

# Run `wigeon` with the given arguments, in the directory you are in
[no-cd, no-exit-message]
run *args: setup
    @cargo run --release --manifest-path "{{ justfile_directory() / "Cargo.toml" }}" --bin wigeon -- "$@"
