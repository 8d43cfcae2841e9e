//! Values of text in the form that nearly all are written in, and what they say.
//!
//! DuckDB's casts take many forms of a value: `1e3` and ` 1` are integers. What is written in the
//! form here means the same to them, and takes a fraction of their time to be read.

use arrow_schema::{DataType, TimeUnit};
use chrono::{Datelike, NaiveDate};

const MICROSECONDS_PER_DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// How the values of a type are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Digits, so few that any number of them is one of the type, and a minus if it is signed.
    Integer { digits: usize, signed: bool },
    /// Any text.
    Text,
    /// `YYYY-MM-DD`.
    Date,
    /// A date, a space or `T`, `HH:MM:SS`, and up to six decimals of a second.
    Timestamp,
}

impl Form {
    /// Returns the form of a type, none if it has none here.
    pub(crate) fn of(data_type: &DataType) -> Option<Self> {
        let integer = |digits, signed| Self::Integer { digits, signed };
        Some(match data_type {
            DataType::Int8 => integer(2, true),
            DataType::Int16 => integer(4, true),
            DataType::Int32 => integer(9, true),
            DataType::Int64 => integer(18, true),
            DataType::UInt8 => integer(2, false),
            DataType::UInt16 => integer(4, false),
            DataType::UInt32 => integer(9, false),
            DataType::UInt64 => integer(19, false),
            DataType::Utf8 => Self::Text,
            DataType::Date32 => Self::Date,
            DataType::Timestamp(TimeUnit::Microsecond, None) => Self::Timestamp,
            _ => return None,
        })
    }

    /// Says whether a text has this form.
    pub(crate) fn fits(self, text: &[u8], calendar: &mut Calendar) -> bool {
        match self {
            Self::Integer { digits, signed } => {
                let unsigned = match text {
                    [b'-', rest @ ..] if signed => rest,
                    all => all,
                };
                (1..=digits).contains(&unsigned.len()) && unsigned.iter().all(u8::is_ascii_digit)
            }
            Self::Text => true,
            Self::Date => calendar.date(text).is_some(),
            Self::Timestamp => calendar.timestamp(text).is_some(),
        }
    }
}

/// Reads dates and timestamps.
///
/// It remembers the last date: rows that follow one another are mostly of one day.
#[derive(Debug)]
pub(crate) struct Calendar {
    text: [u8; 10],
    days: i32,
}

impl Default for Calendar {
    fn default() -> Self {
        Self {
            text: *b"1970-01-01",
            days: 0,
        }
    }
}

impl Calendar {
    /// Returns the days since 1970-01-01 of a date.
    pub(crate) fn date(&mut self, text: &[u8]) -> Option<i32> {
        let text: &[u8; 10] = text.try_into().ok()?;
        if *text != self.text {
            (self.days, self.text) = (date(text)?, *text);
        }
        Some(self.days)
    }

    /// Returns the microseconds since 1970-01-01 00:00:00 of a timestamp.
    pub(crate) fn timestamp(&mut self, text: &[u8]) -> Option<i64> {
        let (day, time) = text.split_at_checked(10)?;
        let (b' ' | b'T', time) = time.split_first()? else {
            return None;
        };
        let (clock, rest) = time.split_first_chunk()?;
        let microseconds = match rest {
            [] => 0,
            [b'.', decimals @ ..] => fraction(decimals)?,
            _ => return None,
        };
        let seconds = i64::from(seconds(*clock)?);
        Some(i64::from(self.date(day)?) * MICROSECONDS_PER_DAY + seconds * 1_000_000 + microseconds)
    }
}

fn date(&[y1, y2, y3, y4, minus, m1, m2, other_minus, d1, d2]: &[u8; 10]) -> Option<i32> {
    let year = 100 * two_digits(y1, y2)? + two_digits(y3, y4)?;
    if year == 0 || [minus, other_minus] != *b"--" {
        return None;
    }
    let (month, day) = (two_digits(m1, m2)?, two_digits(d1, d2)?);
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    Some(date.num_days_from_ce() - UNIX_EPOCH_FROM_CE)
}

/// The days of 1970-01-01 as [`Datelike::num_days_from_ce`] counts them.
const UNIX_EPOCH_FROM_CE: i32 = 719_163;

/// Added to digits and zeros for colons, it sets the highest bit of a byte that is more than it may be.
const EXCESS: u64 = u64::from_le_bytes([0x76, 0x76, 0x7f, 0x76, 0x76, 0x7f, 0x76, 0x76]);
const HIGHEST_BITS: u64 = 0x8080_8080_8080_8080;

/// Returns the seconds since midnight of `HH:MM:SS`, from all eight bytes at once.
fn seconds(clock: [u8; 8]) -> Option<u32> {
    // What is left are digits, and zeros for the colons.
    let digits = u64::from_le_bytes(clock) ^ u64::from_le_bytes(*b"00:00:00");
    if (digits | digits.wrapping_add(EXCESS)) & HIGHEST_BITS != 0 {
        return None;
    }
    let [hour, _, _, minute, _, _, second, _] = (digits * 10 + (digits >> 8)).to_le_bytes();
    let [hour, minute, second] = [hour, minute, second].map(u32::from);
    (hour < 24 && minute < 60 && second < 60).then(|| (hour * 60 + minute) * 60 + second)
}

/// Returns the microseconds of one to six decimals of a second.
fn fraction(decimals: &[u8]) -> Option<i64> {
    if !(1..=6).contains(&decimals.len()) {
        return None;
    }
    let padded = decimals.iter().chain(&[b'0'; 5]).take(6);
    padded.copied().try_fold(0, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| number * 10 + i64::from(digit))
    })
}

fn two_digits(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| u32::from(tens) * 10 + u32::from(ones))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_few_digits() {
        let form = Form::of(&DataType::Int8).unwrap();
        for fits in ["0", "-0", "7", "-99", "07"] {
            assert!(
                form.fits(fits.as_bytes(), &mut Calendar::default()),
                "{fits}"
            );
        }
        for other in ["", "-", "100", "+1", " 1", "1 ", "1.0", "1e1", "--1", "x"] {
            assert!(
                !form.fits(other.as_bytes(), &mut Calendar::default()),
                "{other}"
            );
        }
        assert!(
            !Form::of(&DataType::UInt8)
                .unwrap()
                .fits(b"-1", &mut Calendar::default())
        );
    }

    #[test]
    fn dates_are_days_that_there_are() {
        let mut calendar = Calendar::default();
        for (text, days) in [
            ("1970-01-01", 0),
            ("1969-12-31", -1),
            ("2000-02-29", 11_016),
            ("0001-01-01", -719_162),
            ("9999-12-31", 2_932_896),
        ] {
            assert_eq!(calendar.date(text.as_bytes()), Some(days), "{text}");
        }
        for other in [
            "",
            "1970-1-1",
            "1970-02-30",
            "2001-02-29",
            "0000-01-01",
            "1970-13-01",
            "1970/01/01",
            "1970-01-01 ",
            "-970-01-01",
            "infinity00",
        ] {
            assert_eq!(calendar.date(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn timestamps_are_times_of_a_day() {
        let mut calendar = Calendar::default();
        for (text, microseconds) in [
            ("1970-01-01 00:00:00", 0),
            ("1970-01-01T00:00:01", 1_000_000),
            ("1969-12-31 23:59:59.999999", -1),
            ("1970-01-02 03:04:05.6", 97_445_600_000),
        ] {
            assert_eq!(
                calendar.timestamp(text.as_bytes()),
                Some(microseconds),
                "{text}"
            );
        }
        for other in [
            "",
            "1970-01-01",
            "1970-01-01 24:00:00",
            "1970-01-01 00:60:00",
            "1970-01-01 00:00:60",
            "1970-01-01 00:00:00.",
            "1970-01-01 00:00:00.1234567",
            "1970-01-01 00:00:00Z",
            "1970-01-01 00:00",
            "1970-01-01  00:00:00",
            "1970-01-01 00:00:00.12x",
        ] {
            assert_eq!(calendar.timestamp(other.as_bytes()), None, "{other}");
        }
    }
}
