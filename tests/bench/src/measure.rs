//! A process, from its start to its end.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use fs_err as fs;
use serde::{Deserialize, Serialize};
use wait4::Wait4;

use crate::error::BenchError;

const MIB: f64 = 1_048_576.0;

/// What a process took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Seconds of wall-clock time, from its start to its end.
    pub wall: f64,
    /// Seconds of CPU time, of user and system.
    pub cpu: f64,
    /// The greatest resident set size, in MiB. What of a file is in the page cache does not count unless it is mapped.
    pub peak_mib: f64,
}

impl Sample {
    /// Returns what this process and the one after it took.
    pub(crate) fn and(self, next: Self) -> Self {
        Self {
            wall: self.wall + next.wall,
            cpu: self.cpu + next.cpu,
            peak_mib: self.peak_mib.max(next.peak_mib),
        }
    }
}

/// What the same work took on both sides, one right after the other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// Wigeon's process.
    pub wigeon: Sample,
    /// The expert's process.
    pub expert: Sample,
}

/// Runs a process to its end, with what it prints in `log`.
pub(crate) fn run(command: &mut Command, log: &Path) -> Result<Sample, BenchError> {
    let files = BenchError::Files;
    let output = fs::File::create(log).map_err(files)?.into_parts().0;
    command
        .stdin(Stdio::null())
        .stdout(output.try_clone().map_err(files)?)
        .stderr(output);
    let start = Instant::now();
    let child = command.spawn().map_err(|source| BenchError::Start {
        program: command.get_program().into(),
        source,
    })?;
    let used = child.wait4().map_err(files)?;
    let wall = start.elapsed().as_secs_f64();
    if !used.status.success() {
        return Err(BenchError::Failed {
            command: format!("{command:?}"),
            output: fs::read_to_string(log).map_err(files)?,
        });
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "memory has fewer than 2^53 bytes"
    )]
    let peak_mib = used.rusage.maxrss as f64 / MIB;
    Ok(Sample {
        wall,
        cpu: (used.rusage.utime + used.rusage.stime).as_secs_f64(),
        peak_mib,
    })
}
