//! Measures Wigeon against the expert, and prints and writes the ratios.

use std::{
    collections::BTreeSet,
    env,
    error::Error,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, ValueEnum};
use wigeon_bench::{Kind, Prepare, Scale, Settings};

/// Measure Wigeon against the best hand-written SQL in the same DuckDB
///
/// Both sides run in turn, as whole processes, on the same files, and must end in the same tables. What is printed
/// and written is explained in `BENCHMARKS.md`.
#[derive(Debug, Parser)]
struct Arguments {
    /// How large the extracts are: 20 thousand users, 2 million or 20 million, with five times as many views a day
    #[arg(value_enum, default_value_t = ScaleName::S)]
    scale: ScaleName,

    /// Only this work; may be repeated [default: all; at M all but the views; at L the loads]
    #[arg(long, value_enum, value_name = "WORK")]
    only: Vec<KindName>,

    /// How often each side does each work
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,

    /// Days of history before a propagation [default: 1,3,4 at S, 1,3,7,30 at M]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=365))]
    days: Vec<u32>,

    /// How the history before a propagation comes about
    #[arg(long, value_enum, default_value_t = PrepareName::Cron)]
    prepare: PrepareName,

    /// DuckDB's `memory_limit`, on both sides [default: 256, 640 or 1024]
    #[arg(long, value_name = "MIB")]
    memory_limit_mib: Option<u64>,

    /// Compare tables after every pair of runs, instead of the first of each work
    #[arg(long)]
    check_every: bool,

    /// Where extracts and databases are put [default: bench/SCALE in the target directory]
    #[arg(long)]
    dir: Option<PathBuf>,

    /// Leave the prepared databases there, and use those that are there
    ///
    /// They are as the Wigeon of then made them: remove the directory when what is stored changes.
    #[arg(long)]
    keep: bool,

    /// The Markdown file to write, with a JSON file beside it [default: bench/SCALE.md in the target directory]
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,

    /// Take the rows that are not measured now from the report that is there
    #[arg(long)]
    merge: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "UPPER")]
enum ScaleName {
    S,
    M,
    L,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum KindName {
    Initial,
    Daily,
    Hourly,
    Due,
    Propagation,
    Questions,
    /// Questions of views that do the least that a view could which decides row by row
    Views,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PrepareName {
    /// Day by day a users extract, the propagation, the views
    Cron,
    /// All users extracts and then all views
    Direct,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error}"));
            let mut source = error.source();
            while let Some(cause) = source {
                say(&format!("  caused by: {cause}"));
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let scale = match arguments.scale {
        ScaleName::S => Scale::S,
        ScaleName::M => Scale::M,
        ScaleName::L => Scale::L,
    };
    let programs = programs()?;
    let benches = programs.with_file_name("bench");
    let write = arguments
        .write
        .unwrap_or_else(|| benches.join(format!("{}.md", scale.name())));
    let json = write.with_extension("json");
    let settings = Settings {
        scale,
        memory_limit_mib: arguments
            .memory_limit_mib
            .unwrap_or_else(|| scale.memory_limit_mib()),
        days: or_default(arguments.days, || scale.days()),
        prepare: match arguments.prepare {
            PrepareName::Cron => Prepare::Cron,
            PrepareName::Direct => Prepare::Direct,
        },
        runs: arguments.runs,
        kinds: or_default(arguments.only.into_iter().map(kind).collect(), || {
            scale.kinds()
        }),
        check_every: arguments.check_every,
        programs,
        directory: std::path::absolute(
            arguments.dir.unwrap_or_else(|| benches.join(scale.name())),
        )?,
        keep: arguments.keep,
    };
    let mut report = wigeon_bench::run(&settings, &say)?;
    if arguments.merge && json.exists() {
        report.add_earlier(&json)?;
    }
    if let Some(directory) = write.parent() {
        fs_err::create_dir_all(directory)?;
    }
    fs_err::write(&write, report.section())?;
    report.save(&json)?;
    write!(io::stdout(), "{}", report.section())?;
    say(&format!("written to `{}`", write.display()));
    Ok(())
}

/// Returns the directory of this program, in which the others are as well.
fn programs() -> io::Result<PathBuf> {
    let bench = env::current_exe()?;
    Ok(bench.parent().unwrap_or(Path::new(".")).to_owned())
}

fn kind(name: KindName) -> Kind {
    match name {
        KindName::Initial => Kind::Initial,
        KindName::Daily => Kind::Daily,
        KindName::Hourly => Kind::Hourly,
        KindName::Due => Kind::Due,
        KindName::Propagation => Kind::Propagation,
        KindName::Questions => Kind::Questions,
        KindName::Views => Kind::Views,
    }
}

fn or_default<T: Ord>(given: Vec<T>, default: impl FnOnce() -> BTreeSet<T>) -> BTreeSet<T> {
    if given.is_empty() {
        default()
    } else {
        given.into_iter().collect()
    }
}

/// Prints a line on stderr. If nobody reads it, the measurements go on.
fn say(line: &str) {
    let _unread = writeln!(io::stderr(), "{line}");
}
