//! How each side is told to do a piece of work.

use std::{
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use crate::{
    error::BenchError,
    extracts::Extracts,
    measure::{self, Sample},
    project,
    settings::Settings,
};

/// Who does the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Wigeon,
    Expert,
}

/// A piece of work that is one process, for the files in the directory of extracts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// Users and views of a day.
    Initial(u32),
    /// Views of a day.
    Load(u32),
    /// Users of a day.
    Snapshot(u32),
    /// The users who moved by the extract of a day.
    Propagate(u32),
}

/// Both sides, in one directory.
pub(crate) struct Sides {
    programs: PathBuf,
    directory: PathBuf,
    memory_limit_mib: u64,
}

impl Side {
    pub(crate) const BOTH: [Self; 2] = [Self::Wigeon, Self::Expert];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Wigeon => "wigeon",
            Self::Expert => "expert",
        }
    }
}

impl Sides {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            programs: settings.programs.clone(),
            directory: settings.directory.clone(),
            memory_limit_mib: settings.memory_limit_mib,
        }
    }

    /// Returns the directory of Wigeon's manifest. The extracts are in it, too.
    pub(crate) fn project(&self) -> PathBuf {
        self.directory.join("project")
    }

    /// Returns the database that a side works on.
    pub(crate) fn database(&self, side: Side) -> PathBuf {
        match side {
            Side::Wigeon => self.project().join(project::DATABASE),
            Side::Expert => self.directory.join("expert.duckdb"),
        }
    }

    /// Does a piece of work on one side.
    pub(crate) fn run(
        &self,
        side: Side,
        job: Job,
        extracts: &Extracts,
    ) -> Result<Sample, BenchError> {
        let (date, time) = match job {
            Job::Initial(day) | Job::Load(day) => (extracts.date(day), "23:59"),
            Job::Snapshot(day) => (extracts.date(day), "02:30"),
            Job::Propagate(day) => (extracts.date(day), "02:45"),
        };
        let at = format!("{date}T{time}");
        let mut command = match side {
            Side::Wigeon => {
                let mut command = self.wigeon(&["run", "--quiet", "--at", &at]);
                for step in job.steps() {
                    command.args(["--step", step]);
                }
                command
            }
            Side::Expert => self.expert(job, &at, extracts),
        };
        measure::run(&mut command, &self.log())
    }

    /// Runs Wigeon's next load, for which nothing new is there: it folds in what the propagation of a day has left in
    /// an overlay, if anything.
    pub(crate) fn fold(&self, day: u32, extracts: &Extracts) -> Result<Sample, BenchError> {
        let at = format!("{}T03:10", extracts.date(day));
        let step = "pageviews_postcode";
        let mut command = self.wigeon(&["run", "--quiet", "--at", &at, "--step", step]);
        measure::run(&mut command, &self.log())
    }

    /// Runs `wigeon run --due` for a time.
    pub(crate) fn run_due(&self, at: &str) -> Result<Sample, BenchError> {
        let mut command = self.wigeon(&["run", "--quiet", "--due", "--at", at]);
        measure::run(&mut command, &self.log())
    }

    /// Compiles the plugins of the manifest, if that was not yet done here.
    pub(crate) fn warm_up(&self) -> Result<(), BenchError> {
        for plugin in ["scd2", "point-in-time", "net-change"] {
            let plugin = format!("builtin:{plugin}");
            output(self.wigeon(&["plugin", "inspect", &plugin]))?;
        }
        Ok(())
    }

    /// Returns what `wigeon --version` prints.
    pub(crate) fn wigeon_version(&self) -> Result<String, BenchError> {
        Ok(output(self.wigeon(&["--version"]))?.trim().to_owned())
    }

    /// Returns what a command of `inspect` prints.
    pub(crate) fn inspect(&self, arguments: &[String]) -> Result<String, BenchError> {
        let mut command = Command::new(self.program("inspect"));
        command.args(arguments);
        output(command)
    }

    fn wigeon(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.program("wigeon"));
        command
            .current_dir(self.project())
            .args(arguments)
            // Beside the binary, where the tests keep compiled plugins too.
            .env("WIGEON_CACHE_DIR", self.programs.join("wigeon-test-cache"))
            .env_remove("RUST_LOG");
        command
    }

    fn expert(&self, job: Job, at: &str, extracts: &Extracts) -> Command {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let mut command = Command::new(self.program("expert"));
        command
            .arg(job.of_the_expert())
            .arg("--database")
            .arg(self.database(Side::Expert))
            .arg("--extracts")
            .arg(extracts.directory())
            .args(["--at", at])
            .args(["--memory-limit-mib", &self.memory_limit_mib.to_string()])
            .args(["--threads", &threads.to_string()]);
        command
    }

    fn program(&self, name: &str) -> PathBuf {
        self.programs
            .join(name)
            .with_extension(std::env::consts::EXE_EXTENSION)
    }

    fn log(&self) -> PathBuf {
        self.directory.join("last_process.log")
    }
}

impl Job {
    fn steps(self) -> &'static [&'static str] {
        match self {
            Self::Initial(_) => &["current_postcode", "pageviews_postcode"],
            Self::Load(_) => &["pageviews_postcode"],
            Self::Snapshot(_) => &["current_postcode"],
            Self::Propagate(_) => &["updated_postcode_stg"],
        }
    }

    fn of_the_expert(self) -> &'static str {
        match self {
            Self::Initial(_) => "initial",
            Self::Load(_) => "hourly",
            Self::Snapshot(_) => "daily",
            Self::Propagate(_) => "propagate",
        }
    }
}

/// Runs a command and returns what it prints.
fn output(mut command: Command) -> Result<String, BenchError> {
    let output = command.output().map_err(|source| BenchError::Start {
        program: command.get_program().into(),
        source,
    })?;
    if !output.status.success() {
        return Err(BenchError::Failed {
            command: format!("{command:?}"),
            output: String::from_utf8_lossy(&output.stderr).into_owned(),
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Returns a path as an argument.
pub(crate) fn argument(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
