//! Visits: pure, without a thought of Arrow or of batches.

const MINUTES_OF_A_DAY: i64 = 24 * 60;

/// Who came when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// A number that stands for the user.
    pub(crate) user: u32,
    /// In ticks since 1970; a row without a time, or without a user, has no visit.
    pub(crate) time: Option<i64>,
}

/// A visit of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Visit {
    /// Counted from 1, for each user and day.
    pub(crate) number: i64,
    /// The time of its first row.
    pub(crate) started_at: i64,
}

/// When a visit ends, in ticks of the event time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    gap: i64,
    day: i64,
}

impl Rules {
    /// A visit ends when the next row is more than `gap_minutes` later, or on another day.
    pub(crate) fn new(gap_minutes: u32, ticks_of_a_minute: i64) -> Self {
        Self {
            gap: i64::from(gap_minutes).saturating_mul(ticks_of_a_minute),
            day: MINUTES_OF_A_DAY * ticks_of_a_minute,
        }
    }
}

/// Returns the visit of each row. The order of the rows makes no difference.
pub(crate) fn visits(seen: &[Seen], rules: &Rules) -> Vec<Option<Visit>> {
    let timed = seen.iter().enumerate();
    let mut timed: Vec<(u32, i64, usize)> = timed
        .filter_map(|(row, seen)| Some((seen.user, seen.time?, row)))
        .collect();
    timed.sort_unstable();
    let mut visits = vec![None; seen.len()];
    let mut before: Option<(u32, i64, Visit)> = None;
    for (user, time, row) in timed {
        let of_the_day = before.filter(|&(other, last, _)| {
            other == user && last.div_euclid(rules.day) == time.div_euclid(rules.day)
        });
        let visit = match of_the_day {
            Some((_, last, visit)) if time - last <= rules.gap => visit,
            Some((_, _, visit)) => Visit {
                number: visit.number + 1,
                started_at: time,
            },
            None => Visit {
                number: 1,
                started_at: time,
            },
        };
        visits[row] = Some(visit);
        before = Some((user, time, visit));
    }
    visits
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { gap: 30, day: 1440 };

    fn at(times: &[i64]) -> Vec<Option<(i64, i64)>> {
        let seen: Vec<_> = times
            .iter()
            .map(|&time| Seen {
                user: 0,
                time: Some(time),
            })
            .collect();
        let visits = visits(&seen, &RULES);
        let pair = |visit: Visit| (visit.number, visit.started_at);
        visits.into_iter().map(|visit| visit.map(pair)).collect()
    }

    #[test]
    fn a_gap_of_just_the_limit_ends_no_visit() {
        assert_eq!(
            at(&[0, 30, 61, 61, 91]),
            [(1, 0), (1, 0), (2, 61), (2, 61), (2, 61)].map(Some)
        );
    }

    #[test]
    fn midnight_ends_a_visit_and_the_numbers_begin_anew() {
        assert_eq!(
            at(&[1380, 1439, 1440, 1480]),
            [(1, 1380), (2, 1439), (1, 1440), (2, 1480)].map(Some)
        );
    }

    #[test]
    fn times_before_1970_have_days_too() {
        assert_eq!(
            at(&[-1441, -1440, -1, 0]),
            [(1, -1441), (1, -1440), (2, -1), (1, 0)].map(Some)
        );
    }

    #[test]
    fn users_do_not_mix_and_a_row_without_a_time_has_no_visit() {
        let row = |user, time| Seen { user, time };
        let seen = [
            row(1, Some(5)),
            row(0, Some(9)),
            row(0, None),
            row(1, Some(4)),
        ];
        let visit = |started_at| {
            Some(Visit {
                number: 1,
                started_at,
            })
        };
        assert_eq!(visits(&seen, &RULES), [visit(4), visit(9), None, visit(4)]);
    }
}
