//! Values of text that DuckDB's casts would change without a word.
//!
//! DuckDB reads `1.5` as the integer 2, rounds decimals, and drops the time zone of a timestamp,
//! what is finer than a microsecond, and the time of a date. It tells nothing of it, so the text is
//! looked at here, of CSV on the way of taking the digest, of JSON when it is read. What is no number
//! or time at all is left to DuckDB to complain about.

use arrow_schema::DataType;
use memchr::memchr;

/// What is wrong with a time that has nanoseconds.
pub(crate) const TOO_FINE: &str = "the value is finer than a microsecond";

/// What a type keeps of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number with so many decimals.
    Number(i64),
    Date,
    Timestamp,
    /// A timestamp with a time zone.
    Instant,
}

impl Kind {
    /// Returns the kind of a type that does not keep every text.
    pub(crate) fn of(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Decimal128(_, scale) => Some(Self::Number(i64::from(*scale))),
            DataType::Date32 => Some(Self::Date),
            DataType::Timestamp(_, None) => Some(Self::Timestamp),
            DataType::Timestamp(_, Some(_)) => Some(Self::Instant),
            other if other.is_integer() => Some(Self::Number(0)),
            _ => None,
        }
    }

    /// Says whether a text is written as nearly all are, with nothing that could be lost.
    fn is_plain(self, text: &[u8]) -> bool {
        let is_date = |byte: &u8| byte.is_ascii_digit() || *byte == b'-';
        match self {
            Self::Number(_) | Self::Date => text.iter().all(is_date),
            Self::Timestamp | Self::Instant => {
                let time = text.get(11..).unwrap_or_default();
                let is_time = |byte: &u8| byte.is_ascii_digit() || *byte == b':';
                !time.is_empty() && time.iter().all(is_time)
            }
        }
    }

    /// Says what would be lost of a text, if anything would.
    pub(crate) fn loses(self, text: &[u8]) -> Option<&'static str> {
        if self.is_plain(text) {
            return None;
        }
        match self {
            Self::Number(0) => (!is_exact(text, 0)).then_some("the value is not a whole number"),
            Self::Number(scale) => (!is_exact(text, scale))
                .then_some("the value has more decimals than the declared type"),
            Self::Date | Self::Timestamp | Self::Instant if is_infinite(text) => {
                Some("the value is no time that can be counted with")
            }
            Self::Date => {
                let time = text.get(10..).unwrap_or_default();
                (time.contains(&b':') && time.iter().any(|byte| matches!(byte, b'1'..=b'9')))
                    .then_some("the value has a time, but the declared type has none")
            }
            Self::Timestamp => {
                let time = &text[memchr(b':', text)?..];
                if time
                    .iter()
                    .any(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'+' | b'-'))
                {
                    return Some("the value has a time zone, but the declared type has none");
                }
                is_too_fine(time).then_some(TOO_FINE)
            }
            Self::Instant => is_too_fine(&text[memchr(b':', text)?..]).then_some(TOO_FINE),
        }
    }
}

/// Says whether the seconds of a time have more than six decimals that count.
fn is_too_fine(time: &[u8]) -> bool {
    let Some(point) = memchr(b'.', time) else {
        return false;
    };
    let decimals = time[point + 1..].iter().take_while(|b| b.is_ascii_digit());
    decimals.skip(6).any(|digit| *digit != b'0')
}

/// Says whether a text is what DuckDB takes for a time before or after all others.
fn is_infinite(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    unsigned.eq_ignore_ascii_case(b"infinity")
}

/// Says whether a number has no more decimals than `scale`; also if it is no number.
fn is_exact(text: &[u8], scale: i64) -> bool {
    let text = text.trim_ascii();
    let (mantissa, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        None => (text, 0),
        Some(place) => {
            let exponent = std::str::from_utf8(&text[place + 1..]).unwrap_or_default();
            match exponent.parse::<i32>() {
                Ok(exponent) => (&text[..place], i64::from(exponent)),
                Err(_) => return true,
            }
        }
    };
    let unsigned = match mantissa {
        [b'+' | b'-', rest @ ..] => rest,
        all => all,
    };
    if !unsigned
        .iter()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'_'))
    {
        return true;
    }
    let point = memchr(b'.', unsigned).unwrap_or(unsigned.len());
    // The place of the last digit that counts: 0 for ones, 1 for tenths.
    let last = unsigned
        .iter()
        .rposition(|byte| matches!(byte, b'1'..=b'9'));
    let Some(last) = last else {
        return true;
    };
    let place = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    let decimals = if last > point {
        place(last - point)
    } else {
        place(last + 1) - place(point)
    };
    decimals - exponent <= scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_decimals_or_are_told() {
        for exact in [
            "", "7", "-7", " 7 ", "1.0", "1e3", "1.5e1", "10e-1", "0e-9", "1_000", "x", "0x1F",
            ".", "NULL",
        ] {
            assert!(is_exact(exact.as_bytes(), 0), "{exact}");
        }
        for lossy in ["1.5", "-1.5", "+.5", " 1.5", "5e-1", "1.05e1"] {
            assert!(!is_exact(lossy.as_bytes(), 0), "{lossy}");
        }
        assert!(is_exact(b"1.250", 2));
        assert!(is_exact(b"1.2555e2", 2));
        assert!(!is_exact(b"1.255", 2));
        assert!(!is_exact(b"1e-3", 2));
    }

    #[test]
    fn times_keep_their_zone_or_are_told() {
        for kept in [
            "",
            "2019-10-11",
            "2019-10-11 14:55:23",
            "2019-10-11T14:55:23.123456",
            "2019-10-11 14:55:23.123456000",
            "2019-10-11 14:55:23.",
        ] {
            assert_eq!(Kind::Timestamp.loses(kept.as_bytes()), None, "{kept}");
        }
        for lossy in [
            "2019-10-11 14:55:23+01:00",
            "2019-10-11 14:55:23-05",
            "2019-10-11T14:55:23Z",
            "2019-10-11 14:55 UTC",
            "2019-10-11 14:55:23.1234567",
            "2019-10-11 14:55:23.000000001 ",
            "infinity",
            "-Infinity",
        ] {
            assert!(Kind::Timestamp.loses(lossy.as_bytes()).is_some(), "{lossy}");
        }
        for kept in [
            "",
            "2019-10-11 14:55:23+01:00",
            "2019-10-11T14:55:23.123456Z",
            "2019-10-11 14:55:23.1234560-05",
            "2019-10-11 14:55:23 Europe/London",
        ] {
            assert_eq!(Kind::Instant.loses(kept.as_bytes()), None, "{kept}");
        }
        for lossy in [
            "2019-10-11 14:55:23.123456789+01:00",
            "2019-10-11T14:55:23.0000001Z",
            "infinity",
        ] {
            assert!(Kind::Instant.loses(lossy.as_bytes()).is_some(), "{lossy}");
        }
        for kept in ["2019-10-11", "2019-10-11 00:00:00", "2019-10-11T00:00"] {
            assert_eq!(Kind::Date.loses(kept.as_bytes()), None, "{kept}");
        }
        assert!(Kind::Date.loses(b"2019-10-11 14:55:23").is_some());
    }
}
