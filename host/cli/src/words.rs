//! How counts, sizes, times and lists are worded, and how an argument is quoted for a shell.

use std::fmt::{Display, Write as _};

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;

pub(crate) use wigeon_runtime::{escaped, escaped_lines};

/// Returns a number with its thousands apart: `1,234,567`.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a count with its noun: `1 row`, `2,000 rows`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else if let Some(stem) = noun.strip_suffix('y') {
        format!("{} {stem}ies", number(count))
    } else {
        format!("{} {noun}s", number(count))
    }
}

/// Returns a length as a count, on every platform.
pub(crate) fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Returns a size in bytes, KiB, MiB or GiB, with one decimal from KiB on.
pub(crate) fn size(bytes: u64) -> String {
    let mut unit = 1_u64 << 30;
    for name in ["GiB", "MiB", "KiB"] {
        if bytes >= unit {
            // In tenths, so that no float is needed; a byte count is far from the end of u128.
            let tenths = (u128::from(bytes) * 10 + u128::from(unit) / 2) / u128::from(unit);
            return format!("{}.{} {name}", tenths / 10, tenths % 10);
        }
        unit >>= 10;
    }
    counted(bytes, "byte")
}

/// Returns a time span: `0.42 s`, `71 s`.
pub(crate) fn seconds(seconds: f64) -> String {
    if seconds < 10.0 {
        format!("{seconds:.2} s")
    } else if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{seconds:.0} s")
    }
}

/// Returns how many rows pass in a second, or nothing where the time is too short to tell.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is shown, not reckoned with"
)]
pub(crate) fn rate(rows: u64, seconds: f64) -> Option<String> {
    (rows > 0 && seconds >= 0.001)
        .then(|| format!("{} rows/s", number((rows as f64 / seconds).round() as u64)))
}

/// Returns an instant on the clock of the pipeline: `2019-10-13 03:00:00`.
pub(crate) fn time(time: DateTime<Utc>, zone: Tz) -> String {
    time.with_timezone(&zone)
        .format("%Y-%m-%d %H:%M:%S")
        .to_string()
}

/// Returns an instant on the clock of the pipeline, and which clock that is:
/// `2019-10-13 03:00:00 Europe/London`.
pub(crate) fn time_in_zone(instant: DateTime<Utc>, zone: Tz) -> String {
    format!("{} {zone}", time(instant, zone))
}

/// Returns the time of an extract: `2019-10-13 00:00`.
pub(crate) fn extract_time(time: NaiveDateTime) -> String {
    time.format("%Y-%m-%d %H:%M").to_string()
}

/// Returns the start of a digest that is enough to tell plugins apart: `sha256:0123456789ab`.
pub(crate) fn short_digest(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}

/// Returns values in backticks as a list: `` `a`, `b` ``.
pub(crate) fn list(values: impl IntoIterator<Item = impl Display>) -> String {
    let mut text = String::new();
    for value in values {
        let comma = if text.is_empty() { "" } else { ", " };
        // Writing into a `String` cannot fail.
        let _ = write!(text, "{comma}`{value}`");
    }
    text
}

/// Returns the word that was probably meant, if there is one that is close.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let furthest = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(word, known), known))
        .filter(|(distance, _)| *distance <= furthest)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Returns an argument as a POSIX shell reads it back.
pub(crate) fn shell_quoted(argument: &str) -> String {
    let is_plain = |c: char| {
        c.is_ascii_alphanumeric()
            || matches!(c, '_' | '-' | '.' | '/' | ':' | '=' | ',' | '+' | '@')
    };
    if !argument.is_empty() && argument.chars().all(is_plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_thousands_apart() {
        let numbers = [0, 999, 1_000, 1_234_567].map(number);
        assert_eq!(numbers, ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn counts_agree_with_their_noun() {
        assert_eq!(counted(1, "row"), "1 row");
        assert_eq!(counted(0, "row"), "0 rows");
        assert_eq!(counted(2, "query"), "2 queries");
    }

    #[test]
    fn sizes_have_a_unit_that_fits() {
        let sizes = [1, 1_023, 1_024, 1_536, 5 << 20, 3 << 30].map(size);
        assert_eq!(
            sizes,
            [
                "1 byte",
                "1,023 bytes",
                "1.0 KiB",
                "1.5 KiB",
                "5.0 MiB",
                "3.0 GiB"
            ]
        );
    }

    #[test]
    fn a_rate_needs_rows_and_time() {
        assert_eq!(rate(3_000, 1.5).as_deref(), Some("2,000 rows/s"));
        assert_eq!(rate(0, 1.5), None);
        assert_eq!(rate(10, 0.0), None);
    }

    #[test]
    fn a_shell_reads_a_quoted_argument_back() {
        assert_eq!(shell_quoted("/usr/bin/wigeon"), "/usr/bin/wigeon");
        assert_eq!(shell_quoted("my pipeline.toml"), "'my pipeline.toml'");
        assert_eq!(shell_quoted("it's"), r"'it'\''s'");
        assert_eq!(shell_quoted(""), "''");
    }
}
