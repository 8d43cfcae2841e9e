//! The views of users who moved, loaded on some days before.

use crate::{
    error::BenchError,
    figure::{Figure, SUM_PLACE, Target},
    measure::Pair,
    runner::Runner,
    settings::{Kind, Prepare},
    sides::Job,
    states::State,
};

/// From this many days on there is a target.
const DAYS_OF_TARGET: u32 = 30;

impl Runner<'_> {
    /// Propagates the moves of a day into the views of each number of days that is asked for.
    pub(crate) fn propagation(&self) -> Result<Vec<Figure>, BenchError> {
        let mut figures = vec![];
        let mut on_the_way: Vec<Pair> = vec![];
        for &days in &self.settings.days {
            let state = State::Moved(days);
            on_the_way.extend(self.prepare(state)?);
            self.only(&[])?;
            let work = format!("propagation: 1 % moved, {}", days_of(days));
            let pairs = self.pairs(&work, state, Job::Propagate(days))?;
            let target = if days >= DAYS_OF_TARGET {
                Target::ratio(0.5)
            } else {
                Target::default()
            };
            figures.push(Figure::of_pairs(
                Kind::Propagation,
                days,
                &work,
                &pairs,
                target,
            ));
            self.remove_if_done(days)?;
        }
        if on_the_way.len() > 1 {
            let work = format!("propagation: sum of {} days", on_the_way.len());
            let figure = Figure::of_sums(Kind::Propagation, SUM_PLACE, &work, &on_the_way);
            figures.push(figure);
        }
        Ok(figures)
    }

    /// Removes a state that no other follows on.
    fn remove_if_done(&self, days: u32) -> Result<(), BenchError> {
        let is_last = self.settings.days.last() == Some(&days);
        if self.settings.keep || is_last || self.settings.prepare == Prepare::Cron {
            return Ok(());
        }
        let name = State::Moved(days).name().unwrap_or_default();
        self.databases.remove(&name).map_err(BenchError::Files)
    }
}

/// Returns `1 day`, `2 days`.
fn days_of(days: u32) -> String {
    let unit = if days == 1 { "day" } else { "days" };
    format!("{days} {unit}")
}
