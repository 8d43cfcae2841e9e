//! Who is in the users extract of a day, and with which postcode.

use crate::{
    hash::{Purpose, Sequence, below},
    postcodes::Postcodes,
    scripts::{LARGE_IDS, SMALL_IDS, scripted_entry},
    settings::Settings,
};

/// Days after which an absence of the same user comes again.
const ABSENCE_CYCLE: u64 = 28;

/// What the users extract of one day says of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry<'a> {
    /// The user is not in the extract.
    Absent,
    /// The user is in the extract, with this postcode; `None` is a null.
    Listed(Option<&'a str>),
}

/// The users.
pub(crate) struct Population {
    seed: u64,
    first_day_users: u64,
    newcomers_per_day: u64,
    postcodes: Postcodes,
    /// Chance, of 2^63, that a user does not move for as many days as the index says.
    survival: Vec<u64>,
}

impl Population {
    pub(crate) fn new(settings: &Settings) -> Self {
        let first_day_users = settings.users.max(SMALL_IDS + 1);
        Self {
            seed: settings.seed,
            first_day_users,
            newcomers_per_day: (first_day_users / 1_000).max(1),
            postcodes: Postcodes::new(),
            survival: survival(settings.movers, settings.days),
        }
    }

    /// Users on the first day, the large ids aside.
    pub(crate) fn first_day_users(&self) -> u64 {
        self.first_day_users
    }

    /// Users that the extract of each later day lists first.
    pub(crate) fn newcomers_per_day(&self) -> u64 {
        self.newcomers_per_day
    }

    /// The largest id in use on `day`, the large ids aside.
    pub(crate) fn last_id(&self, day: u32) -> u64 {
        self.first_day_users + u64::from(day) * self.newcomers_per_day
    }

    /// The ids that the extract of `day` may list, in its order.
    pub(crate) fn ids(&self, day: u32) -> impl Iterator<Item = u64> {
        (1..=self.last_id(day)).chain(LARGE_IDS)
    }

    /// What the users extract of `day` says of user `id`.
    pub(crate) fn entry(&self, id: u64, day: u32) -> Entry<'_> {
        if id <= SMALL_IDS || id >= LARGE_IDS[0] {
            return scripted_entry(id, day).unwrap_or(Entry::Absent);
        }
        if id > self.last_id(day) {
            return Entry::Absent;
        }
        let traits = Sequence::new(self.seed, Purpose::Traits, id).at(0);
        match below(traits, 1_000) {
            0 => Entry::Absent,
            1..=5 => self.coming_and_going(id, day, traits),
            _ => Entry::Listed(self.after_moves(id, self.moves_until(id, day))),
        }
    }

    /// A user who is absent for one to three days in every cycle and never moves otherwise.
    fn coming_and_going(&self, id: u64, day: u32, traits: u64) -> Entry<'_> {
        let clock = u64::from(day) + traits % ABSENCE_CYCLE;
        let days_away = 1 + (traits >> 8) % 3;
        if clock % ABSENCE_CYCLE < days_away {
            return Entry::Absent;
        }
        let returns_changed = (traits >> 16) & 1 == 1;
        let cycle = if returns_changed {
            clock / ABSENCE_CYCLE
        } else {
            0
        };
        let draw = Sequence::new(self.seed, Purpose::MoveTo, id).at(cycle);
        Entry::Listed(Some(self.postcodes.draw(draw)))
    }

    /// How often user `id` has moved from day 0 until `day`.
    ///
    /// The days between two moves are drawn at once, so this takes a step per move and
    /// not per day.
    fn moves_until(&self, id: u64, day: u32) -> u64 {
        let gaps = Sequence::new(self.seed, Purpose::MoveGap, id);
        let mut days_left = usize::try_from(day).expect("32 bits fit");
        let mut moves = 0;
        loop {
            let draw = gaps.at(moves) >> 1;
            if draw < self.survival[days_left] {
                return moves;
            }
            let gap = self.survival[..days_left].partition_point(|chance| draw < *chance);
            days_left -= gap;
            moves += 1;
        }
    }

    /// The postcode of user `id` after so many moves.
    fn after_moves(&self, id: u64, moves: u64) -> Option<&str> {
        let draws = Sequence::new(self.seed, Purpose::MoveTo, id);
        let mut moves = moves;
        loop {
            let draw = draws.at(moves);
            if moves == 0 {
                let has_postcode = !draw.is_multiple_of(100);
                return has_postcode.then(|| self.postcodes.draw(draw));
            }
            if draw.is_multiple_of(16) {
                return None;
            }
            let goes_back = moves >= 2 && (draw >> 4).is_multiple_of(4);
            if !goes_back {
                return Some(self.postcodes.draw(draw));
            }
            moves -= 2;
        }
    }
}

/// The powers of `1 - movers`, in whole numbers so that every machine agrees.
fn survival(movers: f64, days: u32) -> Vec<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the share is between 0 and 1, checked by `History::new`"
    )]
    let moving = (movers * 4_294_967_296.0) as u64;
    let staying = (1_u128 << 32) - u128::from(moving);
    let mut chance = 1 << 63;
    let mut survival = vec![chance];
    for _ in 0..days {
        let next = (u128::from(chance) * staying) >> 32;
        chance = u64::try_from(next).expect("a chance never grows");
        survival.push(chance);
    }
    survival
}
