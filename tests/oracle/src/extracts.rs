//! Raw extract files into rows.

use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
};

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use flate2::read::MultiGzDecoder;
use fs_err::File;

/// How both extracts and expected tables write a point in time.
pub(crate) const TIMESTAMP: &str = "%Y-%m-%d %H:%M:%S";

/// One row of a pageview extract; the URL has no part in any table.
pub(crate) struct View {
    pub(crate) user_id: i64,
    pub(crate) pageview_datetime: NaiveDateTime,
}

/// The users extracts by effective time, oldest first.
///
/// # Panics
///
/// If two files stand for one date.
pub(crate) fn by_effective_time(users: &[PathBuf]) -> BTreeMap<NaiveDateTime, &Path> {
    let mut ordered = BTreeMap::new();
    for path in users {
        if let Some(other) = ordered.insert(effective_time(path), path.as_path()) {
            panic!(
                "`{}` and `{}` stand for one date",
                other.display(),
                path.display()
            );
        }
    }
    ordered
}

/// The postcode of every user in one extract; a null is `None`.
///
/// # Panics
///
/// If the file cannot be read, or shows a user twice.
pub(crate) fn read_users(path: &Path) -> BTreeMap<i64, Option<String>> {
    let mut postcodes = BTreeMap::new();
    for [id, postcode] in read_columns(path, ["id", "postcode"]) {
        let id = parse_id(path, &id);
        let postcode = if postcode.is_empty() {
            None
        } else {
            Some(postcode)
        };
        let earlier = postcodes.insert(id, postcode);
        assert!(
            earlier.is_none(),
            "`{}` shows user {id} twice",
            path.display()
        );
    }
    postcodes
}

/// The views of one extract, in the order of the file.
///
/// # Panics
///
/// If the file cannot be read.
pub(crate) fn read_views(path: &Path) -> Vec<View> {
    read_columns(path, ["user_id", "pageview_datetime"])
        .into_iter()
        .map(|[user_id, pageview_datetime]| View {
            user_id: parse_id(path, &user_id),
            pageview_datetime: NaiveDateTime::parse_from_str(&pageview_datetime, TIMESTAMP)
                .unwrap_or_else(|error| {
                    panic!("`{}`: `{pageview_datetime}`: {error}", path.display())
                }),
        })
        .collect()
}

/// Midnight of the date in a name such as `users_extract_2019-10-20.csv`.
fn effective_time(path: &Path) -> NaiveDateTime {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let date = name
        .strip_prefix("users_extract_")
        .and_then(|rest| rest.split('.').next())
        .and_then(|date| NaiveDate::parse_from_str(date, "%Y-%m-%d").ok());
    match date {
        Some(date) => date.and_time(NaiveTime::MIN),
        None => panic!(
            "`{}` is not named `users_extract_YYYY-MM-DD.csv`",
            path.display()
        ),
    }
}

fn parse_id(path: &Path, text: &str) -> i64 {
    text.parse()
        .unwrap_or_else(|error| panic!("`{}`: user `{text}`: {error}", path.display()))
}

/// The named columns of a CSV file, found by its header.
fn read_columns(path: &Path, names: [&str; 2]) -> Vec<[String; 2]> {
    let file = File::open(path).unwrap_or_else(|error| panic!("{error}"));
    let bytes: Box<dyn Read> = if path.extension().is_some_and(|extension| extension == "gz") {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader
        .headers()
        .unwrap_or_else(|error| panic!("`{}`: {error}", path.display()))
        .clone();
    let places = names.map(|name| {
        header
            .iter()
            .position(|column| column == name)
            .unwrap_or_else(|| panic!("`{}` has no column `{name}`", path.display()))
    });
    reader
        .records()
        .map(|record| {
            let record = record.unwrap_or_else(|error| panic!("`{}`: {error}", path.display()));
            places.map(|place| record[place].to_owned())
        })
        .collect()
}
