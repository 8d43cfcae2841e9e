//! What the commands need besides their own arguments: the pipeline, the clock, the environment.

use std::{
    env,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use etcetera::BaseStrategy as _;
use wigeon_engine::{Project, RunRequest, Sample, VerifyRequest};

use crate::{command_error::CommandError, logical_time::TimeArgument, words::shell_quoted};

/// Which pipeline the commands are about.
#[derive(Debug)]
pub(crate) struct Context {
    manifest: PathBuf,
    cache: Option<PathBuf>,
    clock: fn() -> DateTime<Utc>,
}

impl Context {
    /// Remembers the manifest, which is not read yet, and asks the environment.
    pub(crate) fn new(manifest: PathBuf) -> Self {
        Self {
            manifest,
            cache: cache(),
            clock: Utc::now,
        }
    }

    /// Returns the manifest as it was typed.
    pub(crate) fn manifest(&self) -> &Path {
        &self.manifest
    }

    /// Reads and checks the manifest.
    pub(crate) fn open(&self) -> Result<Project, CommandError> {
        Ok(Project::open(&self.manifest)?)
    }

    /// Returns what is asked of the engine when these steps are to run at this time.
    pub(crate) fn request(
        &self,
        project: &Project,
        steps: &[String],
        due: bool,
        at: Option<TimeArgument>,
    ) -> Result<RunRequest, CommandError> {
        Ok(RunRequest {
            steps: steps.to_vec(),
            due,
            accept: vec![],
            at: self.time(project, at)?,
            cache: self.cache.clone(),
            command: command_line(),
            clock: self.clock,
        })
    }

    /// Returns what is asked of the engine when these tables are to be verified.
    pub(crate) fn verify_request(
        &self,
        tables: &[String],
        sample: Option<Sample>,
        limit: u32,
    ) -> VerifyRequest {
        VerifyRequest {
            tables: tables.to_vec(),
            sample,
            limit,
            cache: self.cache.clone(),
            command: command_line(),
            clock: self.clock,
        }
    }

    /// Returns the time that is meant, or the present.
    pub(crate) fn time(
        &self,
        project: &Project,
        at: Option<TimeArgument>,
    ) -> Result<DateTime<Utc>, CommandError> {
        match at {
            Some(argument) => Ok(argument.instant(project.pipeline().time_zone())?),
            None => Ok((self.clock)()),
        }
    }

    /// Returns where cargo puts what it compiles, if the environment says so.
    #[expect(
        clippy::unused_self,
        reason = "what the environment says is asked of the context"
    )]
    pub(crate) fn cargo_target_directory(&self) -> Option<PathBuf> {
        let directory = env::var_os("CARGO_TARGET_DIR").filter(|path| !path.is_empty());
        directory.map(PathBuf::from)
    }

    /// Returns where compiled plugins are kept, if anywhere.
    pub(crate) fn cache(&self) -> Option<&Path> {
        self.cache.as_deref()
    }
}

/// Returns where compiled plugins are kept: `WIGEON_CACHE_DIR`, or a directory of the user's cache.
/// Nowhere, if the user has none, as may be under cron.
fn cache() -> Option<PathBuf> {
    if let Some(directory) = env::var_os("WIGEON_CACHE_DIR").filter(|path| !path.is_empty()) {
        return Some(directory.into());
    }
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.cache_dir().join("wigeon").join("plugins"))
}

/// Returns how this process was started, for whoever finds the pipeline locked by it.
fn command_line() -> String {
    let arguments = env::args_os().skip(1);
    let words = arguments.map(|argument| shell_quoted(&argument.to_string_lossy()));
    let words: Vec<_> = std::iter::once("wigeon".to_owned()).chain(words).collect();
    words.join(" ")
}
