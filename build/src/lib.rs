//! Compiles guest crates to components.
//!
//! Used by the build script that embeds the built-in plugins, by tests and benches that need a
//! guest of their own, and by `wigeon plugin build` ([`Guest`]). A guest of ours is an ordinary
//! member of the workspace, so that it shares its lockfile, compiled for
//! `wasm32-unknown-unknown` in a target directory of its own: a build script cannot share the one
//! that its own cargo has locked.

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
    /// The compiler lacks the libraries of the target.
    #[error("the target {TARGET}, which `{package}` is built for, is not installed")]
    NoTarget {
        /// The package.
        package: String,
    },
    /// Cargo failed.
    #[error("cargo could not build `{package}` for {TARGET}:\n{output}")]
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

/// A crate that compiles to a component, and how.
#[derive(Debug, Clone, Copy)]
pub struct Guest<'a> {
    /// Where cargo is started: the directory of the crate or of its workspace.
    pub directory: &'a Path,
    /// The package.
    pub package: &'a str,
    /// The name of its library, if that is not the package's with `_` for `-`.
    pub library: Option<&'a str>,
    /// The profile, as its directory is named too: `release`.
    pub profile: &'a str,
    /// The target directory; it may be shared by all guests and kept between builds.
    pub target_directory: &'a Path,
    /// Flags for rustc beside those of the configuration files that cargo finds.
    pub rustflags: &'a [&'a str],
}

impl Guest<'_> {
    /// Compiles the crate and returns it as a component.
    ///
    /// # Errors
    ///
    /// Any variant of [`BuildError`].
    pub fn component(&self) -> Result<Vec<u8>, BuildError> {
        let package = || self.package.to_owned();
        let output = self.cargo().output().map_err(BuildError::NoCargo)?;
        if !output.status.success() {
            if !self.has_target() {
                return Err(BuildError::NoTarget { package: package() });
            }
            return Err(BuildError::Cargo {
                package: package(),
                output: String::from_utf8_lossy(&output.stderr).into_owned(),
            });
        }
        let library = self
            .library
            .map_or_else(|| self.package.replace('-', "_"), str::to_owned);
        let file = PathBuf::from(library).with_extension("wasm");
        let artifacts = self.target_directory.join(TARGET).join(self.profile);
        let path = artifacts.join(file);
        let module = fs_err::read(&path).map_err(|source| BuildError::Read { path, source })?;
        componentize(&module).map_err(|reason| BuildError::Componentize {
            package: package(),
            reason,
        })
    }

    fn cargo(&self) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = clean_command(&cargo, self.directory);
        command
            .args(["build", "--profile", self.profile, "--target", TARGET])
            .args(["--package", self.package])
            .arg("--target-dir")
            .arg(self.target_directory);
        if !self.rustflags.is_empty() {
            // Added to those of the configuration files, where a variable would replace them.
            let flags: Vec<_> = self.rustflags.iter().map(|f| format!("'{f}'")).collect();
            let flags = flags.join(", ");
            command.args(["--config", &format!("target.{TARGET}.rustflags=[{flags}]")]);
        }
        command
    }

    /// Says whether the compiler that cargo uses has the target's libraries. If it cannot be
    /// asked, that is not what is missing.
    fn has_target(&self) -> bool {
        let printed = clean_command(OsStr::new("rustc"), self.directory)
            .args(["--print", "target-libdir", "--target", TARGET])
            .output();
        printed.map_or(true, |printed| {
            let directory = String::from_utf8_lossy(&printed.stdout);
            !printed.status.success() || Path::new(directory.trim()).is_dir()
        })
    }
}

/// Returns a command without what the cargo that runs us has set for its own target. A guest's
/// flags are in the `.cargo/config.toml` that is found from the working directory.
fn clean_command(program: &OsStr, directory: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_of_the_outer_build) {
            command.env_remove(name);
        }
    }
    command.current_dir(directory).stdin(Stdio::null());
    command
}

/// Compiles `package` of the workspace at `workspace` and returns it as a component.
///
/// `scratch` is the target directory; it may be shared by all guests and kept between builds.
///
/// # Errors
///
/// Any variant of [`BuildError`].
pub fn component(workspace: &Path, package: &str, scratch: &Path) -> Result<Vec<u8>, BuildError> {
    let guest = Guest {
        directory: workspace,
        package,
        library: None,
        profile: "plugin",
        target_directory: scratch,
        rustflags: &[],
    };
    guest.component()
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
