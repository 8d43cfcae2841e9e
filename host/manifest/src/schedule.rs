//! When a step is due: five cron fields, in the time zone of the pipeline.
//!
//! croner parses the fields and finds matching times on a clock without a time zone. What happens
//! where the clock is changed is decided here, because croner takes `30 2 * * *` past the gap in
//! spring but drops `0,30 2 * * *`, and a tick that is dropped is a day's load that is late.

use std::{fmt, iter, str::FromStr};

use chrono::{DateTime, Datelike, LocalResult, NaiveDateTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};

/// Most ticks that [`Schedule::ticks`] gives: eleven years of an hourly schedule.
pub const MAX_TICKS: usize = 100_000;

/// The fields of a schedule, with what each allows.
const FIELDS: [(&str, &str); 5] = [
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of the month", "1 to 31"),
    ("month", "1 to 12"),
    ("day of the week", "0 to 7, where 0 and 7 are Sunday"),
];

/// When a step is due: minute, hour, day of the month, month, day of the week.
///
/// As with cron, a day is due if it matches either of the two day fields, unless one of them is
/// `*`. Where the clock is changed:
///
/// - A schedule with all 24 hours runs by elapsed time: nothing is due in the gap of spring, and
///   the hour that comes twice in autumn is run twice.
/// - Any other runs by the wall clock: a time that the gap leaves out is due at the first instant
///   after the gap (several of them once), and a time that comes twice is due the first time only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    written: String,
    cron: Cron,
    every_hour: bool,
}

/// Why a text is not a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// There are not five fields.
    #[error("a schedule has 5 fields, not {0}")]
    FieldCount(usize),

    /// One of the fields cannot be read.
    #[error("the {name} is {bounds}")]
    Field {
        /// The text of the field.
        written: String,
        /// What the field is called.
        name: &'static str,
        /// Which values it has.
        bounds: &'static str,
    },

    /// There is no such day, as with 30 February.
    #[error("no day ever matches")]
    Never,
}

impl Schedule {
    /// Returns the first tick after `after`, or `None` if there is none before the year 5000.
    pub fn next_after(&self, time_zone: Tz, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if !is_usable(after) {
            return None;
        }
        let local = after.with_timezone(&time_zone);
        if self.every_hour {
            let next = self.cron.find_next_occurrence(&local, false).ok()?;
            return Some(next.with_timezone(&Utc));
        }
        // Ticks before this wall clock time are not after `after`; some of those after it may
        // not be either, while a repeated hour goes by for the second time.
        let mut clock = local.naive_local();
        loop {
            clock = self.cron.find_next_occurrence(&clock, false).ok()?;
            let tick = instant(time_zone, clock)?;
            if tick > after {
                return Some(tick);
            }
        }
    }

    /// Returns the last tick at or before `time`, or `None` if there is none since the year 1.
    pub fn last_at_or_before(&self, time_zone: Tz, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if !is_usable(time) {
            return None;
        }
        let local = time.with_timezone(&time_zone);
        if self.every_hour {
            let last = self.cron.find_previous_occurrence(&local, true).ok()?;
            return Some(last.with_timezone(&Utc));
        }
        let mut clock = local.naive_local();
        if let LocalResult::Ambiguous(first, second) = time_zone.from_local_datetime(&clock) {
            // Later times on this clock may have had their tick in the first pass.
            clock += second.signed_duration_since(first);
        }
        let mut inclusive = true;
        loop {
            clock = self.cron.find_previous_occurrence(&clock, inclusive).ok()?;
            let tick = instant(time_zone, clock)?;
            if tick <= time {
                return Some(tick);
            }
            inclusive = false;
        }
    }

    /// Returns the ticks after `after`, up to and with `until_inclusive`, in order, at most
    /// [`MAX_TICKS`] of them.
    pub fn ticks(
        &self,
        time_zone: Tz,
        after: DateTime<Utc>,
        until_inclusive: DateTime<Utc>,
    ) -> impl Iterator<Item = DateTime<Utc>> + use<'_> {
        iter::successors(self.next_after(time_zone, after), move |tick| {
            self.next_after(time_zone, *tick)
        })
        .take_while(move |tick| *tick <= until_inclusive)
        .take(MAX_TICKS)
    }

    /// Returns the schedule in English, such as `At 02:30.`
    pub fn describe(&self) -> String {
        self.cron.describe()
    }
}

/// Returns whether a time is within the years that croner searches, with room for an offset.
fn is_usable(time: DateTime<Utc>) -> bool {
    (2..4990).contains(&time.year())
}

/// Returns the instant at which a wall clock time is due.
///
/// It never decreases as `clock` increases, which is what the searches above rely on.
fn instant(time_zone: Tz, clock: NaiveDateTime) -> Option<DateTime<Utc>> {
    match time_zone.from_local_datetime(&clock) {
        LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => {
            Some(time.with_timezone(&Utc))
        }
        LocalResult::None => end_of_gap(time_zone, clock),
    }
}

/// Returns the first instant after the gap that `clock` lies in.
fn end_of_gap(time_zone: Tz, clock: NaiveDateTime) -> Option<DateTime<Utc>> {
    let is_after = |time: DateTime<Utc>| time.with_timezone(&time_zone).naive_local() > clock;
    // No offset is larger than a day, so the change lies between these two.
    let mut before = clock.checked_sub_signed(TimeDelta::hours(26))?.and_utc();
    let mut after = clock.checked_add_signed(TimeDelta::hours(26))?.and_utc();
    while after - before > TimeDelta::seconds(1) {
        let middle = before + TimeDelta::seconds((after - before).num_seconds() / 2);
        if is_after(middle) {
            after = middle;
        } else {
            before = middle;
        }
    }
    Some(after)
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(written: &str) -> Result<Self, Self::Err> {
        let fields: Vec<&str> = written.split_whitespace().collect();
        if fields.len() != FIELDS.len() {
            return Err(ScheduleError::FieldCount(fields.len()));
        }
        for (index, (field, (name, bounds))) in fields.iter().zip(FIELDS).enumerate() {
            let mut alone = ["*"; FIELDS.len()];
            alone[index] = field;
            if parse(&alone).is_none() {
                return Err(ScheduleError::Field {
                    written: (*field).to_owned(),
                    name,
                    bounds,
                });
            }
        }
        // Each field is fine by itself, and they do not depend on each other.
        let cron = parse(&fields).ok_or(ScheduleError::Never)?;
        let schedule = Self {
            written: written.trim().to_owned(),
            every_hour: cron.pattern.hours.values().len() == 24,
            cron,
        };
        // Every day that there is comes within the 400 years after which the calendar repeats.
        let start = DateTime::UNIX_EPOCH;
        match schedule.next_after(Tz::UTC, start) {
            Some(next) if next.year() - start.year() <= 400 => Ok(schedule),
            _ => Err(ScheduleError::Never),
        }
    }
}

fn parse(fields: &[&str]) -> Option<Cron> {
    // Names such as `@daily` are not fields.
    if fields.iter().any(|field| field.contains('@')) {
        return None;
    }
    CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .build()
        .parse(&fields.join(" "))
        .ok()
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn schedule(text: &str) -> Schedule {
        text.parse().unwrap()
    }

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// Lists the ticks of two days as local times with their offset.
    fn local_ticks(text: &str, time_zone: Tz, after: &str) -> Vec<String> {
        let after = utc(after);
        schedule(text)
            .ticks(time_zone, after, after + TimeDelta::days(2))
            .map(|tick| {
                let local = tick.with_timezone(&time_zone);
                local.format("%d %H:%M %Z").to_string()
            })
            .collect()
    }

    // In London, 01:00 GMT on 29 March 2026 is followed by 02:00 BST, and 02:00 BST on
    // 25 October 2026 by 01:00 GMT.
    const LONDON: Tz = Tz::Europe__London;
    const SPRING: &str = "2026-03-28T12:00:00Z";
    const AUTUMN: &str = "2026-10-24T12:00:00Z";

    #[test]
    fn a_daily_schedule_runs_once_on_the_day_the_clock_goes_forward() {
        assert_eq!(
            local_ticks("30 2 * * *", LONDON, SPRING),
            ["29 02:30 BST", "30 02:30 BST"]
        );
        // 01:30 is in the gap: due at its end.
        assert_eq!(
            local_ticks("30 1 * * *", LONDON, SPRING),
            ["29 02:00 BST", "30 01:30 BST"]
        );
        // New York has the gap at 02:00.
        assert_eq!(
            local_ticks("30 2 * * *", Tz::America__New_York, "2026-03-07T12:00:00Z"),
            ["08 03:00 EDT", "09 02:30 EDT"]
        );
    }

    #[test]
    fn a_list_of_times_in_the_gap_is_due_once_at_its_end() {
        assert_eq!(
            local_ticks("0,30 1,2 * * *", LONDON, SPRING),
            [
                "29 02:00 BST",
                "29 02:30 BST",
                "30 01:00 BST",
                "30 01:30 BST",
                "30 02:00 BST",
                "30 02:30 BST"
            ]
        );
    }

    #[test]
    fn a_daily_schedule_runs_once_on_the_day_the_clock_goes_back() {
        assert_eq!(
            local_ticks("30 2 * * *", LONDON, AUTUMN),
            ["25 02:30 GMT", "26 02:30 GMT"]
        );
        assert_eq!(
            local_ticks("30 1 * * *", LONDON, AUTUMN),
            ["25 01:30 BST", "26 01:30 GMT"]
        );
    }

    #[test]
    fn an_hourly_schedule_runs_every_hour_that_passes() {
        for (after, first, second) in [(SPRING, "GMT", "BST"), (AUTUMN, "BST", "GMT")] {
            let ticks = local_ticks("10 * * * *", LONDON, after);
            assert_eq!(ticks.len(), 48, "{ticks:?}");
            assert!(ticks[0].ends_with(first) && ticks[47].ends_with(second));
        }
    }

    #[test]
    fn the_last_tick_is_found_in_every_pass_of_a_repeated_hour() {
        let daily = schedule("45 1 * * *");
        let due = utc("2026-10-25T00:45:00Z");
        // 01:30 BST, 01:45 BST, 01:30 GMT, 01:50 GMT.
        assert!(daily.last_at_or_before(LONDON, utc("2026-10-25T00:30:00Z")) < Some(due));
        for time in ["00:45:00", "00:45:01", "01:30:00", "01:50:00"] {
            let time = utc(&format!("2026-10-25T{time}Z"));
            assert_eq!(daily.last_at_or_before(LONDON, time), Some(due), "{time}");
            assert!(daily.next_after(LONDON, time) > Some(utc("2026-10-26T00:00:00Z")));
        }
    }

    #[test]
    fn texts_that_are_no_schedule_are_refused() {
        for (text, error) in [
            ("", "a schedule has 5 fields, not 0"),
            ("@daily", "a schedule has 5 fields, not 1"),
            ("0 30 2 * * *", "a schedule has 5 fields, not 6"),
            ("60 2 * * *", "the minute is 0 to 59"),
            ("0 24 * * *", "the hour is 0 to 23"),
            ("0 0 0 * *", "the day of the month is 1 to 31"),
            ("0 0 * 13 *", "the month is 1 to 12"),
            (
                "0 0 * * 8",
                "the day of the week is 0 to 7, where 0 and 7 are Sunday",
            ),
            ("0 @ * * *", "the hour is 0 to 23"),
            ("0 0 30 2 *", "no day ever matches"),
        ] {
            let refused = text.parse::<Schedule>().unwrap_err();
            assert_eq!(refused.to_string(), error, "{text}");
        }
        // 29 February is rare, but comes.
        assert!("0 0 29 2 *".parse::<Schedule>().is_ok());
    }

    #[test]
    fn a_schedule_prints_as_written_and_in_english() {
        let daily = schedule("30 2 * * *");
        assert_eq!(daily.to_string(), "30 2 * * *");
        assert!(daily.describe().contains("02:30"), "{}", daily.describe());
    }

    #[test]
    fn times_at_the_end_of_the_calendar_have_no_ticks() {
        let daily = schedule("30 2 * * *");
        for time in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            assert_eq!(daily.next_after(LONDON, time), None);
            assert_eq!(daily.last_at_or_before(LONDON, time), None);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[-0-9*/,LW#?+@ A-Zé]{0,24}") {
            if let Ok(schedule) = text.parse::<Schedule>() {
                prop_assert!(schedule.next_after(LONDON, DateTime::UNIX_EPOCH).is_some());
            }
        }

        #[test]
        fn ticks_are_found_forwards_and_backwards(
            minute in 0..60u32,
            hours in prop::sample::select(vec!["*", "*/2", "1", "0-2", "1,2,23", "2"]),
            zone in prop::sample::select(vec![
                LONDON, Tz::America__New_York, Tz::Australia__Lord_Howe, Tz::Pacific__Apia, Tz::UTC,
            ]),
            // Ten years around the day that Samoa left out.
            seconds in 1_262_304_000..1_577_836_800i64,
        ) {
            let schedule = schedule(&format!("{minute} {hours} * * *"));
            let time = DateTime::from_timestamp(seconds, 0).unwrap();
            let next = schedule.next_after(zone, time).unwrap();
            prop_assert!(next > time);
            prop_assert!(next - time <= TimeDelta::hours(49));
            prop_assert_eq!(schedule.last_at_or_before(zone, next), Some(next));
            let just_before = next - TimeDelta::seconds(1);
            let last = schedule.last_at_or_before(zone, just_before).unwrap();
            prop_assert!(last <= time);
            prop_assert_eq!(schedule.next_after(zone, last), Some(next));
        }
    }
}
