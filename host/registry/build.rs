//! Compiles the built-in plugins to components and writes the table of them that the crate embeds.
//!
//! With `WIGEON_STUB_PLUGINS` set, the components are empty: checks and documentation then need
//! no Wasm target.

use std::{env, fmt::Write, path::Path};

use fs_err as fs;
use sha2::{Digest, Sha256};

const BUILTINS: [&str; 4] = ["net-change", "normalize", "point-in-time", "scd2"];

fn main() {
    // Of the checkout for which it runs: it may have been compiled for another that shares the target directory.
    let manifest = env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let workspace = Path::new(&manifest).join("../..");
    for source in [
        "plugins",
        "columnar",
        "wit",
        "Cargo.lock",
        ".cargo/config.toml",
    ] {
        println!(
            "cargo::rerun-if-changed={}",
            workspace.join(source).display()
        );
    }
    println!("cargo::rerun-if-env-changed=WIGEON_STUB_PLUGINS");
    let stub = env::var_os("WIGEON_STUB_PLUGINS").is_some();
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    let out = Path::new(&out);
    let mut table = String::from("&[\n");
    for name in BUILTINS {
        let component = if stub {
            vec![]
        } else {
            let scratch = wigeon_build::scratch_beside(out);
            wigeon_build::component(&workspace, &format!("wigeon-{name}"), &scratch)
                .unwrap_or_else(|error| panic!("{error}"))
        };
        let file = out.join(format!("{name}.wasm"));
        fs::write(&file, &component).expect("the output directory can be written to");
        let digest = Sha256::digest(&component);
        let digest = digest.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("to memory");
            hex
        });
        #[expect(clippy::unnecessary_debug_formatting, reason = "a literal, with its escapes")]
        writeln!(
            table,
            "    Builtin {{ name: {name:?}, digest: \"sha256:{digest}\", component: include_bytes!({file:?}) }},"
        )
        .expect("to memory");
    }
    table.push(']');
    fs::write(out.join("builtins.rs"), table).expect("the output directory can be written to");
}
