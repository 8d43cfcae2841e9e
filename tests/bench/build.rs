//! Lets the binaries find DuckDB's library where it was linked, without `LD_LIBRARY_PATH`: the one that `wigeon`
//! was linked with.

use std::{env, path};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=DUCKDB_LIB_DIR");
    if env::var_os("CARGO_CFG_UNIX").is_none() {
        return;
    }
    let Some(directory) = env::var_os("DUCKDB_LIB_DIR") else {
        return;
    };
    // A relative path means something else when the binary is started elsewhere.
    let directory = path::absolute(&directory).unwrap_or_else(|_| directory.into());
    println!(
        "cargo::rustc-link-arg-bins=-Wl,-rpath,{}",
        directory.display()
    );
}
