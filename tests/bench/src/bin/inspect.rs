//! Looks into the databases of both sides and prints what it finds as JSON.

use std::{
    error::Error,
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, Parser, Subcommand};
use wigeon_bench::inspect;

/// Compare databases of the bench
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print DuckDB's version
    Version,

    /// Print the number of rows and hashes of each table
    Fingerprints {
        /// The DuckDB file
        database: PathBuf,

        /// DuckDB's `memory_limit`
        #[arg(long)]
        memory_limit_mib: u64,
    },

    /// Print the rows that only one of two databases has
    Differences {
        /// Wigeon's DuckDB file
        wigeon: PathBuf,

        /// The expert's DuckDB file
        expert: PathBuf,
    },

    /// Ask questions of both databases in turn and print how long they took
    Ask {
        /// Wigeon's DuckDB file
        wigeon: PathBuf,

        /// The expert's DuckDB file
        expert: PathBuf,

        #[command(flatten)]
        asked: Asked,
    },

    /// Ask questions of a table, and of views with the least to do that decide row by row, in turn
    Views {
        /// The DuckDB file
        database: PathBuf,

        #[command(flatten)]
        asked: Asked,
    },
}

/// What is asked, and how
#[derive(Debug, Args)]
struct Asked {
    /// A file with a query; may be repeated
    #[arg(long = "question")]
    questions: Vec<PathBuf>,

    /// How often each is asked of each relation
    #[arg(long)]
    runs: u32,

    /// DuckDB's `memory_limit`, of each database
    #[arg(long)]
    memory_limit_mib: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let found = match Arguments::parse().command {
        Command::Version => serde_json::to_string(&inspect::duckdb_version()?)?,
        Command::Fingerprints {
            database,
            memory_limit_mib,
        } => serde_json::to_string(&inspect::fingerprints(&database, memory_limit_mib)?)?,
        Command::Differences { wigeon, expert } => {
            serde_json::to_string(&inspect::differences(&wigeon, &expert)?)?
        }
        Command::Ask {
            wigeon,
            expert,
            asked,
        } => serde_json::to_string(&inspect::ask(
            &wigeon,
            &expert,
            &asked.questions,
            asked.runs,
            asked.memory_limit_mib,
        )?)?,
        Command::Views { database, asked } => serde_json::to_string(&inspect::ask_views(
            &database,
            &asked.questions,
            asked.runs,
            asked.memory_limit_mib,
        )?)?,
    };
    writeln!(io::stdout(), "{found}")?;
    Ok(())
}
