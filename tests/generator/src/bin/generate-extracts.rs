//! Writes extracts of the flagship pipeline.

use std::{
    error::Error,
    io::{self, Write},
    num::NonZeroUsize,
    path::PathBuf,
    thread,
};

use chrono::NaiveDate;
use clap::{Parser, ValueEnum};
use wigeon_generator::{Extract, Format, History, Settings};

/// Write made-up extracts of users and views, the same bytes for the same arguments
#[derive(Debug, Parser)]
struct Arguments {
    /// Directory for the files; made if it is missing
    #[arg(long)]
    out: PathBuf,

    /// Users on the first day
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(..1 << 31))]
    users: u64,

    /// Views in the 24 hours of a day
    #[arg(long, default_value_t = 10_000)]
    views_per_day: u64,

    /// Days of the whole history
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,

    /// Date of day 0
    #[arg(long, value_name = "YYYY-MM-DD", default_value = "2019-10-11")]
    start: NaiveDate,

    /// Share of the users that move on one day
    #[arg(long, value_name = "SHARE", default_value_t = 0.01, value_parser = share)]
    movers: f64,

    /// Any number; another one gives another history
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// How the files are written
    #[arg(long, value_enum, default_value_t = FormatName::Csv)]
    format: FormatName,

    /// First day to write, counted from 0
    #[arg(long, value_name = "DAY", default_value_t = 0)]
    from_day: u32,

    /// Last day to write [default: the last of the history]
    #[arg(long, value_name = "DAY")]
    to_day: Option<u32>,

    /// Which extracts to write
    #[arg(long, value_enum, default_value_t = What::Both)]
    what: What,

    /// Files written at the same time [default: one per core]
    #[arg(long)]
    threads: Option<NonZeroUsize>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatName {
    Csv,
    #[value(name = "csv.gz")]
    CsvGz,
    Ndjson,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    Users,
    Views,
    Both,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("a share is a number between 0 and 1".to_owned()),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let history = History::new(Settings {
        users: arguments.users,
        views_per_day: arguments.views_per_day,
        days: arguments.days,
        start: arguments.start,
        movers: arguments.movers,
        seed: arguments.seed,
        format: match arguments.format {
            FormatName::Csv => Format::Csv,
            FormatName::CsvGz => Format::CsvGz,
            FormatName::Ndjson => Format::Ndjson,
        },
    });
    let last_day = arguments.to_day.unwrap_or(arguments.days - 1);
    let days = arguments.from_day..=last_day.min(arguments.days - 1);
    let extracts: Vec<Extract> = days
        .flat_map(Extract::of_day)
        .filter(|extract| match arguments.what {
            What::Users => extract.is_users(),
            What::Views => !extract.is_users(),
            What::Both => true,
        })
        .collect();
    let threads = match arguments.threads {
        Some(threads) => threads,
        None => thread::available_parallelism()?,
    };
    let written = history.write_files(&extracts, &arguments.out, threads)?;
    writeln!(
        io::stderr(),
        "wrote {} files with {} rows to `{}`",
        written.files,
        written.rows,
        arguments.out.display()
    )?;
    Ok(())
}
