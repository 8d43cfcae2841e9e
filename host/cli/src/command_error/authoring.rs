//! Hints for what a plugin's author does.

use wigeon_authoring::AuthoringError;
use wigeon_build::{BuildError, TARGET};

use super::{Advice, Kind, plugin};

/// Returns what kind of failure it is, and what to do about it.
pub(super) fn advice(error: &AuthoringError) -> Advice {
    let usage = || Advice::new(Kind::Usage);
    match error {
        AuthoringError::Name { .. } => {
            usage().hint("name it with lower-case words joined by `-`: `url-parts`")
        }
        AuthoringError::NotEmpty { .. } => {
            usage().hint("choose another name, or remove the directory first")
        }
        AuthoringError::NoSdk { .. } => {
            usage().hint("name `plugins/sdk` of a copy of the Wigeon repository")
        }
        AuthoringError::UnusedSdk { .. } => {
            usage().hint("leave out `--sdk`, or write the plugin in Rust: `--lang rust`")
        }
        AuthoringError::NoProject { .. } => usage().hint(
            "run it in the directory of a plugin, or name that directory; `wigeon plugin new` begins one",
        ),
        AuthoringError::Invalid { .. } => usage(),
        AuthoringError::NoCase { .. } => usage().hint(
            "make a directory there with a `case.toml` and the inputs as CSV, and write what is expected with `--bless`",
        ),
        AuthoringError::NotBuilt { .. } => usage().hint("build it first with `wigeon plugin build`"),
        AuthoringError::Kind { .. } => {
            usage().hint("correct `kind` in `plugin.toml`, or export the plugin as that kind")
        }
        AuthoringError::Growing { .. } => {
            usage().hint("give the first case rows, and a key that can be counted up")
        }
        AuthoringError::Write { .. } => {
            Advice::new(Kind::Data).hint("check that you may write there, and that there is room")
        }
        AuthoringError::Read { .. } => Advice::new(Kind::Data).hint("check that it is there and that you may read it"),
        AuthoringError::NoTool { program, .. } => Advice::new(Kind::Data).hint(format!(
            "install `{program}`, or correct `command` under `[build]` in `plugin.toml`"
        )),
        AuthoringError::Tool { .. } => Advice::new(Kind::Data),
        AuthoringError::Build(error) => build(error),
        AuthoringError::Load(error) => plugin::load(error),
        AuthoringError::Open { source, .. } => plugin::open(source),
        AuthoringError::Fails { source, .. } => plugin::failed(source),
    }
}

fn build(error: &BuildError) -> Advice {
    let advice = Advice::new(Kind::Data);
    match error {
        BuildError::NoCargo(_) => {
            advice.hint("install Rust from https://rustup.rs, which brings cargo")
        }
        BuildError::NoTarget { .. } => {
            advice.hint(format!("install it with `rustup target add {TARGET}`"))
        }
        BuildError::Cargo { .. } => advice,
        BuildError::Read { .. } => {
            advice.hint("`Cargo.toml` must say `crate-type = [\"cdylib\", \"rlib\"]` under `[lib]`")
        }
        BuildError::Componentize { .. } => advice.hint(
            "end `src/lib.rs` with `wigeon_sdk::export!`, and build for WebAssembly without WASI",
        ),
    }
}
