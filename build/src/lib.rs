//! Compiles the guest crates of this workspace to components.
//!
//! Used by the build script that embeds the built-in plugins, and by tests and benches that need a
//! guest of their own. A guest is an ordinary member of the workspace, so that it shares its
//! lockfile, compiled for `wasm32-unknown-unknown` in a target directory of its own: a build script
//! cannot share the one that its own cargo has locked.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use wit_component::ComponentEncoder;

/// The target that guests are compiled for: it has no WASI, so neither have the components.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Why a guest did not become a component.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Cargo could not be started.
    #[error("cargo could not be started")]
    NoCargo(#[source] std::io::Error),
    /// Cargo failed.
    #[error(
        "cargo could not build `{package}` for {TARGET} (`rustup target add {TARGET}`?):\n{output}"
    )]
    Cargo {
        /// The package.
        package: String,
        /// What cargo printed.
        output: String,
    },
    /// The module that cargo should have written is not there.
    #[error("could not read `{path}`")]
    Read {
        /// The module.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The module cannot be made a component.
    #[error("`{package}` is not a plugin: {reason}")]
    Componentize {
        /// The package.
        package: String,
        /// What `wit-component` said.
        reason: String,
    },
}

/// Compiles `package` of the workspace at `workspace` and returns it as a component.
///
/// `scratch` is the target directory; it may be shared by all guests and kept between builds.
///
/// # Errors
///
/// Any variant of [`BuildError`].
pub fn component(workspace: &Path, package: &str, scratch: &Path) -> Result<Vec<u8>, BuildError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // What the cargo that runs us has set is for its own target; the guest's flags are in the
    // workspace's `.cargo/config.toml`, which is found from the working directory.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_of_the_outer_build) {
            command.env_remove(name);
        }
    }
    let output = command
        .current_dir(workspace)
        .args([
            "build",
            "--profile",
            "plugin",
            "--target",
            TARGET,
            "--package",
            package,
        ])
        .arg("--target-dir")
        .arg(scratch)
        .stdin(Stdio::null())
        .output()
        .map_err(BuildError::NoCargo)?;
    if !output.status.success() {
        return Err(BuildError::Cargo {
            package: package.to_owned(),
            output: String::from_utf8_lossy(&output.stderr).into_owned(),
        });
    }
    let file = PathBuf::from(package.replace('-', "_")).with_extension("wasm");
    let path = scratch.join(TARGET).join("plugin").join(file);
    let module = fs_err::read(&path).map_err(|source| BuildError::Read { path, source })?;
    componentize(&module).map_err(|reason| BuildError::Componentize {
        package: package.to_owned(),
        reason,
    })
}

/// Makes a component of a core module that `wit-bindgen` built. Nothing is imported but what the
/// module's world imports.
///
/// # Errors
///
/// What `wit-component` says of a module that does not carry its world.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, String> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(ComponentEncoder::encode)
        .map_err(|error| format!("{error:#}"))
}

/// Returns the target directory for guests, in the outer build's target directory: the nearest
/// directory above `path` that cargo marked as one, or that holds the artifacts of a profile. Cargo
/// marks only the directories it makes itself. Without either, it is a directory in `path`.
pub fn scratch_beside(path: &Path) -> PathBuf {
    const OF_A_TARGET_DIRECTORY: [&str; 3] = ["CACHEDIR.TAG", "release", "debug"];
    path.ancestors()
        .skip(1)
        .find(|directory| {
            OF_A_TARGET_DIRECTORY
                .iter()
                .any(|name| directory.join(name).exists())
        })
        .unwrap_or(path)
        .join("plugins")
}

fn is_of_the_outer_build(name: &str) -> bool {
    let kept = [OsStr::new("CARGO_HOME"), OsStr::new("CARGO_MAKEFLAGS")];
    let cargos = name.starts_with("CARGO")
        && !name.starts_with("CARGO_NET")
        && !name.starts_with("CARGO_HTTP")
        && !name.starts_with("CARGO_REGISTR");
    let rustcs = name.starts_with("RUSTC") || name == "RUSTFLAGS" || name == "RUSTDOCFLAGS";
    (cargos || rustcs) && !kept.contains(&OsStr::new(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scratch_directory_is_in_the_target_directory_whoever_made_it() {
        let outer = tempfile::tempdir().unwrap();
        let target = outer.path().join("target");
        let out = target.join("release/build/wigeon-registry-0/out");
        fs_err::create_dir_all(&out).unwrap();
        fs_err::create_dir_all(target.join("tmp")).unwrap();

        assert_eq!(scratch_beside(&out), target.join("plugins"));
        assert_eq!(scratch_beside(&target.join("tmp")), target.join("plugins"));
        assert_eq!(
            scratch_beside(&target.join("release/wigeon")),
            target.join("plugins")
        );
    }

    #[test]
    fn the_scratch_directory_of_another_platform_is_in_the_marked_directory() {
        let outer = tempfile::tempdir().unwrap();
        let target = outer.path().join("target");
        let out = target.join("aarch64-unknown-linux-gnu/dist/build/wigeon-registry-0/out");
        fs_err::create_dir_all(&out).unwrap();
        fs_err::write(target.join("CACHEDIR.TAG"), "").unwrap();

        assert_eq!(scratch_beside(&out), target.join("plugins"));
    }
}
