//! The one text form in which tables are compared.
//!
//! A row is its fields with commas between, nulls are empty, and points in time read
//! `YYYY-MM-DD HH:MM:SS`. Nothing is quoted: no postcode holds a comma.
//!
//! Rows come in the order that SQL calls `order by all nulls first`, for the history
//! `order by id, valid_from`.

use std::fmt::{Display, Formatter, Result, Write};

use chrono::NaiveDateTime;

use crate::{Row, Version, extracts::TIMESTAMP};

/// Returns `rows` with the header of `pageviews_postcode` above, a line each.
pub fn pageviews_csv(rows: &[Row]) -> String {
    let header =
        "user_id,pageview_datetime,original_postcode,current_postcode,postcode_updated_date";
    lines(header, rows)
}

/// Returns `versions` with the header of `current_postcode_history` above, a line each.
pub fn history_csv(versions: &[Version]) -> String {
    lines("id,postcode,valid_from,valid_to", versions)
}

impl Display for Row {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        write!(
            formatter,
            "{},{},{},{},{}",
            self.user_id,
            self.pageview_datetime.format(TIMESTAMP),
            self.original_postcode.as_deref().unwrap_or_default(),
            self.current_postcode.as_deref().unwrap_or_default(),
            time_or_empty(self.postcode_updated_date)
        )
    }
}

impl Display for Version {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        write!(
            formatter,
            "{},{},{},{}",
            self.id,
            self.postcode.as_deref().unwrap_or_default(),
            self.valid_from.format(TIMESTAMP),
            time_or_empty(self.valid_to)
        )
    }
}

fn lines<R: Display>(header: &str, rows: &[R]) -> String {
    let mut text = format!("{header}\n");
    for row in rows {
        writeln!(text, "{row}").expect("a string takes every line");
    }
    text
}

fn time_or_empty(time: Option<NaiveDateTime>) -> String {
    time.map(|time| time.format(TIMESTAMP).to_string())
        .unwrap_or_default()
}
