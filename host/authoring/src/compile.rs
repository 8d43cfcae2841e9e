//! From a project to its component.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use fs_err as fs;
use serde::Serialize;
use wigeon_build::{BuildError, Guest, componentize};
use wigeon_registry::digest;

use crate::{AuthoringError, Project};

/// What core modules and components begin with: the magic number, the version and the layer.
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// Where a build's artifacts go.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// Cargo's target directory, instead of `target` in the project.
    pub target_directory: Option<PathBuf>,
}

/// A component that was built.
#[derive(Debug, Clone, Serialize)]
pub struct Built {
    /// The plugin's name.
    pub name: String,
    /// Where it was written.
    pub path: PathBuf,
    /// `sha256:` and the digest of its bytes.
    pub digest: String,
    /// Its size.
    pub size_bytes: u64,
    /// The component itself.
    #[serde(skip)]
    pub component: Vec<u8>,
}

impl Project {
    /// Builds the plugin and writes the component to [`Project::component_path`].
    ///
    /// # Errors
    ///
    /// - [`AuthoringError::Build`] if cargo, the target or the crate is not as it should be.
    /// - [`AuthoringError::NoTool`] and [`AuthoringError::Tool`] if the command of a project that
    ///   is not in Rust cannot be started, or fails.
    /// - [`AuthoringError::Read`], [`AuthoringError::Invalid`] and [`AuthoringError::Write`] about
    ///   files.
    pub fn build(&self, place: &Place) -> Result<Built, AuthoringError> {
        let component = match &self.build {
            Some(build) => self.by_command(&build.command, &build.output)?,
            None => self.by_cargo(place)?,
        };
        let path = self.component_path();
        let directory = path.parent().unwrap_or(Path::new(""));
        fs::create_dir_all(directory)
            .and_then(|()| fs::write(&path, &component))
            .map_err(|source| AuthoringError::Write {
                path: path.clone(),
                source,
            })?;
        Ok(Built {
            name: self.name.clone(),
            path,
            digest: digest(&component),
            size_bytes: component.len() as u64,
            component,
        })
    }

    fn by_cargo(&self, place: &Place) -> Result<Vec<u8>, AuthoringError> {
        let manifest = self.cargo_manifest()?;
        let target = place.target_directory.clone();
        let target = target.unwrap_or_else(|| self.directory.join("target"));
        // Cargo is started in the project, so a relative path would be read from there.
        let target = std::path::absolute(&target).map_err(|source| AuthoringError::Write {
            path: target,
            source,
        })?;
        let directory = if self.directory.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &self.directory
        };
        let guest = Guest {
            directory,
            package: &manifest.package,
            library: manifest.library.as_deref(),
            profile: "release",
            target_directory: &target,
            rustflags: &["-C", "target-feature=+simd128"],
        };
        Ok(guest.component()?)
    }

    fn cargo_manifest(&self) -> Result<CargoManifest, AuthoringError> {
        let path = self.directory.join("Cargo.toml");
        let text = fs::read_to_string(&path).map_err(|source| AuthoringError::Read {
            path: path.clone(),
            source,
        })?;
        let invalid = |reason: String| AuthoringError::Invalid {
            path: path.clone(),
            reason,
        };
        let table: toml::Table = toml::from_str(&text).map_err(|e| invalid(e.to_string()))?;
        let name = |table_name: &str| {
            let name = table.get(table_name)?.get("name")?;
            name.as_str().map(str::to_owned)
        };
        Ok(CargoManifest {
            package: name("package").ok_or_else(|| invalid("it has no package".to_owned()))?,
            library: name("lib"),
        })
    }

    fn by_command(&self, command: &[String], output: &Path) -> Result<Vec<u8>, AuthoringError> {
        let (program, arguments) = command.split_first().expect("checked when it was read");
        let mut process = Command::new(program);
        if !self.directory.as_os_str().is_empty() {
            process.current_dir(&self.directory);
        }
        let ran = process
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .map_err(|source| AuthoringError::NoTool {
                program: program.clone(),
                source,
            })?;
        if !ran.status.success() {
            let said = [ran.stdout, ran.stderr].concat();
            return Err(AuthoringError::Tool {
                command: command.join(" "),
                output: String::from_utf8_lossy(&said).into_owned(),
            });
        }
        let path = self.directory.join(output);
        let bytes = fs::read(&path).map_err(|source| AuthoringError::Read { path, source })?;
        if !bytes.starts_with(CORE_MODULE) {
            return Ok(bytes);
        }
        componentize(&bytes).map_err(|reason| {
            let package = self.name.clone();
            BuildError::Componentize { package, reason }.into()
        })
    }
}

/// What is to be known of a crate.
struct CargoManifest {
    package: String,
    library: Option<String>,
}
