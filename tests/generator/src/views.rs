//! Who views which page when.

use crate::{
    hash::{Purpose, Sequence, below, below_by_low_half, mix},
    population::Population,
    scripts::{SCRIPTED, SMALL_IDS, scripted_id},
};

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// The busiest and the quietest hours of a day, as shares of their sum.
const HOUR_WEIGHTS: [u64; 24] = [
    14, 9, 6, 4, 4, 6, 12, 25, 40, 48, 50, 52, 56, 54, 50, 48, 50, 54, 62, 70, 74, 66, 46, 28,
];

/// Ids from here on are in no extract.
const FIRST_UNKNOWN_ID: u64 = 900_000_000_000;

/// A prime above every allowed number of users. Multiplying by it, modulo the number of
/// users, gives each rank of activity an id of its own and keeps neighbours apart.
const RANK_STRIDE: u64 = 2_654_435_761;

/// One row of a view extract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) user_id: u64,
    pub(crate) url: Url,
    pub(crate) time: Time,
}

/// A URL, as the numbers that it is written from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Url {
    /// A page of the site.
    Page(u64),
    /// A search whose words hold a comma and quotes.
    Search,
}

/// A second of the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time {
    /// Seconds since midnight, [`Time::DAYS_BEFORE_START`] days before day 0.
    seconds: u64,
}

impl Time {
    /// How many days before day 0 a late row may be.
    pub(crate) const DAYS_BEFORE_START: u32 = 7;

    fn new(day: u32, second_of_day: u64) -> Self {
        let days = u64::from(day + Self::DAYS_BEFORE_START);
        Self {
            seconds: days * DAY + second_of_day,
        }
    }

    fn earlier_by(self, seconds: u64) -> Self {
        Self {
            seconds: self.seconds - seconds,
        }
    }

    /// Days since [`Time::DAYS_BEFORE_START`] days before day 0.
    pub(crate) fn days(self) -> u64 {
        self.seconds / DAY
    }

    pub(crate) fn second_of_day(self) -> u64 {
        self.seconds % DAY
    }
}

/// The rows of one view extract.
pub(crate) struct HourlyViews<'a> {
    population: &'a Population,
    numbers: Sequence,
    day: u32,
    hour: u32,
    rows: u64,
    scripted_rows: u64,
    /// Which scripted user has the first row.
    first_turn: u64,
    /// Turns the ids around, so that each seed has other active users.
    most_active: u64,
}

impl<'a> HourlyViews<'a> {
    /// The rows of `hour` of `day`; `hour < 24`.
    pub(crate) fn new(
        population: &'a Population,
        seed: u64,
        views_per_day: u64,
        day: u32,
        hour: u32,
    ) -> Self {
        let position = u64::from(day) * 24 + u64::from(hour);
        let rows = rows_of_hour(views_per_day, hour);
        Self {
            population,
            numbers: Sequence::new(seed, Purpose::Views, position),
            day,
            hour,
            rows,
            scripted_rows: rows.div_ceil(3).min(SCRIPTED),
            // 5 is prime to the number of scripted users, so that each has a turn within
            // a day even if an hour has but one row for them.
            first_turn: position * 5,
            most_active: mix(seed) >> 34,
        }
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// The row at `place`; `place < rows()`.
    pub(crate) fn row(&self, place: u64) -> View {
        if let Some(view) = self.scripted(place) {
            return view;
        }
        let number = self.numbers.at(place);
        let choice = mix(number);
        let detail = mix(choice);
        let url = Url::Page(mix(detail));
        let time_of_row = self.time((place * HOUR + below(number, HOUR)) / self.rows);
        if place < self.scripted_rows {
            return View {
                user_id: scripted_id((self.first_turn + place) % SCRIPTED),
                url,
                time: time_of_row,
            };
        }
        let active = || self.active_user(detail);
        let (user_id, late_by) = match below(choice, 4_000) {
            0..10 => (FIRST_UNKNOWN_ID + below(detail, 1_000_000), 0),
            10..20 => (self.future_user(detail), 0),
            20..40 => (self.newcomer(detail).unwrap_or_else(active), 0),
            40..50 => (active(), HOUR * (1 + below_by_low_half(choice, 5))),
            50..60 => (active(), DAY),
            _ => (active(), 0),
        };
        View {
            user_id,
            url,
            time: time_of_row.earlier_by(late_by),
        }
    }

    /// The rows that the crate's documentation has in a table.
    fn scripted(&self, place: u64) -> Option<View> {
        let five_past = self.time(5 * 60);
        let midnight = Time::new(self.day, 0);
        let page = Url::Page(self.numbers.at(place & !1));
        let last_id = self.population.last_id(self.day);
        let (user_id, url, time) = match (self.hour, place) {
            (10, 0) => (4, page, midnight.earlier_by(1)),
            (11, 0) => (4, page, midnight),
            (12, 0) => (12, page, five_past),
            (13, 0) => (3, page, five_past.earlier_by(3 * HOUR)),
            (14, 0) => (5, page, five_past),
            (15, 0 | 1) => (2, page, five_past),
            (16, 0) => (1, Url::Search, five_past),
            (17, 0) => (4, page, five_past.earlier_by(3 * DAY)),
            (18, 0) => (last_id + 1, page, five_past),
            (19, 0) => (scripted_id(SCRIPTED - 1), page, five_past),
            (20, 0) if self.day == 0 => (1, page, five_past),
            (20, 0) => (last_id, page, five_past),
            _ => return None,
        };
        Some(View { user_id, url, time })
    }

    /// One of the users of the first day that have no script, by a power law: the q most
    /// active of them, as a share, make the cube root of q of the views.
    fn active_user(&self, number: u64) -> u64 {
        let users = self.population.first_day_users() - SMALL_IDS;
        let uniform = number >> 32;
        let squared = (uniform * uniform) >> 32;
        let cubed = (squared * uniform) >> 32;
        let rank = (cubed * users) >> 32;
        SMALL_IDS + 1 + (rank + self.most_active) * RANK_STRIDE % users
    }

    /// One of the users that the extract of tomorrow or of the day after lists first.
    fn future_user(&self, number: u64) -> u64 {
        let in_two_days = 2 * self.population.newcomers_per_day();
        self.population.last_id(self.day) + 1 + below(number, in_two_days)
    }

    /// One of the users that came after the first day.
    fn newcomer(&self, number: u64) -> Option<u64> {
        let first_day_users = self.population.first_day_users();
        let newcomers = self.population.last_id(self.day) - first_day_users;
        (newcomers > 0).then(|| first_day_users + 1 + number % newcomers)
    }

    fn time(&self, second_of_hour: u64) -> Time {
        Time::new(self.day, u64::from(self.hour) * HOUR + second_of_hour)
    }
}

/// The share of `hour` in the views of a day; the 24 shares add up exactly.
fn rows_of_hour(views_per_day: u64, hour: u32) -> u64 {
    let hour = usize::try_from(hour).expect("32 bits fit");
    let total: u64 = HOUR_WEIGHTS.iter().sum();
    let until = |hours: usize| views_per_day * HOUR_WEIGHTS[..hours].iter().sum::<u64>() / total;
    until(hour + 1) - until(hour)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_add_up_to_the_day() {
        for views_per_day in [0, 1, 60, 200, 100_000_000] {
            let sum: u64 = (0..24).map(|hour| rows_of_hour(views_per_day, hour)).sum();
            assert_eq!(sum, views_per_day);
        }
    }

    #[test]
    fn hours_of_the_scripted_rows_have_them_from_sixty_views_a_day() {
        assert!((10..=20).all(|hour| rows_of_hour(60, hour) >= 1));
        assert!(rows_of_hour(60, 15) >= 2);
    }
}
