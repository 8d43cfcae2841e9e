//! The time that a run stands for, as it is typed: `--at`.

use std::str::FromStr;

use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _, Utc};
use chrono_tz::Tz;

/// How a time may be written, for the help of `--at`.
pub(crate) const FORMS: &str =
    "RFC 3339, or `YYYY-MM-DD[THH:MM[:SS]]` in the time zone of the pipeline";

/// A time as it was typed. Which instant a local one is, only the pipeline's time zone tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeArgument {
    /// With an offset.
    Instant(DateTime<Utc>),
    /// On the clock of the pipeline.
    Local(NaiveDateTime),
}

/// Why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TimeError {
    /// It is in none of the forms.
    #[error("a time is {FORMS}")]
    Form,

    /// The clock of the pipeline never showed it.
    #[error("`{time}` does not exist in {zone}, where the clock was put forward past it")]
    Gap {
        /// The time.
        time: String,
        /// The pipeline's time zone.
        zone: Tz,
    },
}

impl FromStr for TimeArgument {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::Instant(instant.with_timezone(&Utc)));
        }
        // chrono reads fields of any width, as in `2019-1-1`; these forms have fixed ones.
        let local = match text.len() {
            10 => NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .map(|date| date.and_time(NaiveTime::MIN)),
            16 => NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M"),
            19 => NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S"),
            _ => return Err(TimeError::Form),
        };
        local.map(Self::Local).map_err(|_| TimeError::Form)
    }
}

impl TimeArgument {
    /// Returns the instant that is meant in the time zone of a pipeline: the earlier one where the
    /// clock showed the time twice.
    ///
    /// # Errors
    ///
    /// - [`TimeError::Gap`] if the clock never showed it.
    pub(crate) fn instant(self, zone: Tz) -> Result<DateTime<Utc>, TimeError> {
        match self {
            Self::Instant(instant) => Ok(instant),
            Self::Local(local) => match zone.from_local_datetime(&local) {
                LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => {
                    Ok(time.with_timezone(&Utc))
                }
                LocalResult::None => Err(TimeError::Gap {
                    time: local.format("%Y-%m-%dT%H:%M:%S").to_string(),
                    zone,
                }),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_london(text: &str) -> Result<String, TimeError> {
        let argument: TimeArgument = text.parse()?;
        let instant = argument.instant(Tz::Europe__London)?;
        Ok(instant.to_rfc3339())
    }

    #[test]
    fn a_time_with_an_offset_is_that_instant() {
        let expected = Ok("2019-10-13T01:00:00+00:00".to_owned());
        assert_eq!(in_london("2019-10-13T03:00:00+02:00"), expected);
        assert_eq!(in_london("2019-10-13T01:00:00Z"), expected);
    }

    #[test]
    fn a_local_time_is_on_the_clock_of_the_pipeline() {
        let expected = Ok("2019-10-13T02:00:00+00:00".to_owned());
        assert_eq!(in_london("2019-10-13T03:00"), expected);
        assert_eq!(in_london("2019-10-13T03:00:00"), expected);
    }

    #[test]
    fn a_date_is_its_midnight() {
        assert_eq!(
            in_london("2019-10-13"),
            Ok("2019-10-12T23:00:00+00:00".to_owned())
        );
        assert_eq!(
            in_london("2019-12-13"),
            Ok("2019-12-13T00:00:00+00:00".to_owned())
        );
    }

    #[test]
    fn a_time_that_the_clock_never_showed_is_refused() {
        let error = in_london("2019-03-31T01:30").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`2019-03-31T01:30:00` does not exist in Europe/London, where the clock was put forward past it"
        );
    }

    #[test]
    fn of_a_time_that_the_clock_showed_twice_the_earlier_is_taken() {
        assert_eq!(
            in_london("2019-10-27T01:30"),
            Ok("2019-10-27T00:30:00+00:00".to_owned())
        );
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "now",
            "2019-10",
            "2019-1-1",
            "2019-13-01",
            "2019-02-30",
            "2019-10-13 03:00",
            "2019-10-13T24:00",
            "2019-10-13T3:00",
            "2019-10-13T03:00:61",
            "13.10.2019",
            "2019-10-13T03",
        ] {
            assert_eq!(text.parse::<TimeArgument>(), Err(TimeError::Form), "{text}");
        }
    }
}
