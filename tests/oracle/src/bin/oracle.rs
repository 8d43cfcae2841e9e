//! Prints the expected tables of a directory of extracts.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::{Parser, ValueEnum};
use wigeon_oracle::{BeforeFirst, history, history_csv, pageviews_csv, pageviews_with};

/// Print the table that the flagship pipeline must hold after the extracts of a directory.
#[derive(Debug, Parser)]
struct Arguments {
    /// Directory with `users_extract_*.csv` and `pageview_extract_*.csv`, plain or `.gz`
    extracts: PathBuf,

    /// Which table to print
    #[arg(long, value_enum, default_value_t = Table::PageviewsPostcode)]
    table: Table,

    /// Read null, not the first version, for views from before a user's first version
    #[arg(long)]
    before_first_null: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Table {
    PageviewsPostcode,
    CurrentPostcodeHistory,
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let users = files(&arguments.extracts, "users_extract_")?;
    let views = files(&arguments.extracts, "pageview_extract_")?;
    let before_first = if arguments.before_first_null {
        BeforeFirst::Null
    } else {
        BeforeFirst::First
    };
    let text = match arguments.table {
        Table::PageviewsPostcode => pageviews_csv(&pageviews_with(&users, &views, before_first)),
        Table::CurrentPostcodeHistory => history_csv(&history(&users)),
    };
    io::stdout().write_all(text.as_bytes())
}

/// The CSV files of `directory` whose names start with `prefix`.
fn files(directory: &Path, prefix: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(directory)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let unpacked = Path::new(name.strip_suffix(".gz").unwrap_or(name));
        if name.starts_with(prefix) && unpacked.extension().is_some_and(|end| end == "csv") {
            found.push(path);
        }
    }
    Ok(found)
}
