//! Does one kind of the expert's work.

use std::{error::Error, path::PathBuf};

use clap::{Parser, ValueEnum};
use wigeon_bench::expert::{Expert, Settings, Work};

/// Keep the flagship's tables by hand-written SQL
#[derive(Debug, Parser)]
struct Arguments {
    /// What to do
    work: WorkName,

    /// The DuckDB file; made if it is missing
    #[arg(long)]
    database: PathBuf,

    /// The directory of the extracts
    #[arg(long)]
    extracts: PathBuf,

    /// The latest time of extracts that are seen, as in 2019-10-12T09:10
    #[arg(long)]
    at: String,

    /// DuckDB's `memory_limit`
    #[arg(long)]
    memory_limit_mib: u64,

    /// DuckDB's threads
    #[arg(long)]
    threads: usize,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum WorkName {
    Initial,
    Hourly,
    Daily,
    Propagate,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let work = match arguments.work {
        WorkName::Initial => Work::Initial,
        WorkName::Hourly => Work::Hourly,
        WorkName::Daily => Work::Daily,
        WorkName::Propagate => Work::Propagate,
    };
    let expert = Expert::open(Settings {
        database: arguments.database,
        extracts: arguments.extracts,
        at: arguments.at,
        memory_limit_mib: arguments.memory_limit_mib,
        threads: arguments.threads,
    })?;
    expert.run(work)?;
    Ok(())
}
