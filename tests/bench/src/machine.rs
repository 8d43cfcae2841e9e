//! What the figures were measured on.

use std::thread;

use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::{error::BenchError, sides::Sides};

/// The machine, and the versions of what ran on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name, `unknown` where the operating system does not tell.
    pub processor: String,
    /// Cores that may be used.
    pub cores: usize,
    /// Memory in GiB, if the operating system tells.
    pub memory_gib: Option<f64>,
    /// How many processes wanted to run in the minute before, if the operating system tells.
    pub load: Option<f64>,
    /// What `wigeon --version` prints.
    pub wigeon: String,
    /// DuckDB's version.
    pub duckdb: String,
}

impl Machine {
    pub(crate) fn find(sides: &Sides) -> Result<Self, BenchError> {
        let duckdb = sides.inspect(&["version".to_owned()])?;
        Ok(Self {
            processor: field("/proc/cpuinfo", "model name").unwrap_or("unknown".to_owned()),
            cores: thread::available_parallelism().map_or(1, usize::from),
            memory_gib: field("/proc/meminfo", "MemTotal").and_then(|total| gib(&total)),
            load: load(),
            wigeon: sides.wigeon_version()?,
            duckdb: serde_json::from_str(&duckdb).map_err(BenchError::Inspect)?,
        })
    }
}

/// Returns what a file of lines such as `name : value` says of a name.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        (found.trim() == name).then(|| value.trim().to_owned())
    })
}

fn gib(kilobytes: &str) -> Option<f64> {
    let number: f64 = kilobytes.strip_suffix(" kB")?.parse().ok()?;
    Some(number / 1_048_576.0)
}

fn load() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').next()?.parse().ok()
}
