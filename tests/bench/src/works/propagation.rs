//! The views of users who moved, loaded on some days before.

use crate::{
    error::BenchError,
    figure::{FOLD_PLACES, Figure, MERGED_PLACES, SUM_PLACE, Target},
    measure::{Pair, Sample},
    project,
    runner::Runner,
    settings::{Kind, Prepare},
    sides::{Job, Side},
    states::{Propagated, State},
};

/// From this many days on there is a target.
const DAYS_OF_TARGET: u32 = 30;

impl Runner<'_> {
    /// Propagates the moves of a day into the views of each number of days that is asked for.
    pub(crate) fn propagation(&self) -> Result<Vec<Figure>, BenchError> {
        let mut figures = vec![];
        let mut on_the_way: Vec<Propagated> = vec![];
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
            figures.push(self.with_fold(days, &pairs)?);
            figures.push(self.without_fold(days, &pairs)?);
            self.remove_if_done(days)?;
        }
        if on_the_way.len() > 1 {
            let days = on_the_way.len();
            let (alone, with_fold): (Vec<_>, Vec<_>) = on_the_way
                .iter()
                .map(|propagated| (propagated.alone, propagated.with_fold))
                .unzip();
            for (work, place, pairs) in [
                ("propagation", SUM_PLACE, alone),
                ("propagation and fold", SUM_PLACE + FOLD_PLACES, with_fold),
            ] {
                let work = format!("{work}: sum of {days} days");
                figures.push(Figure::of_sums(Kind::Propagation, place, &work, &pairs));
            }
        }
        Ok(figures)
    }

    /// Lets Wigeon do the same once more, with the next run, which folds the changes in if that was not yet done. The
    /// expert has nothing to do then.
    fn with_fold(&self, days: u32, pairs: &[Pair]) -> Result<Figure, BenchError> {
        let folded = |pair: &Pair| -> Result<Pair, BenchError> {
            Ok(Pair {
                wigeon: self.propagate_alone(days)?.and(self.fold(days)?),
                ..*pair
            })
        };
        let folded = pairs.iter().map(folded).collect::<Result<Vec<_>, _>>()?;
        self.discard_both()?;
        let work = format!("propagation and fold: 1 % moved, {}", days_of(days));
        let place = days + FOLD_PLACES;
        let target = Target::default();
        Ok(Figure::of_pairs(
            Kind::Propagation,
            place,
            &work,
            &folded,
            target,
        ))
    }

    /// Lets Wigeon do the same once more and keep the changes beside the rows, whatever the history is.
    fn without_fold(&self, days: u32, pairs: &[Pair]) -> Result<Figure, BenchError> {
        project::merge_on_read(&self.sides.project(), true)?;
        let merged = |pair: &Pair| -> Result<Pair, BenchError> {
            Ok(Pair {
                wigeon: self.propagate_alone(days)?,
                ..*pair
            })
        };
        let merged = pairs.iter().map(merged).collect::<Result<Vec<_>, _>>()?;
        self.discard_both()?;
        project::merge_on_read(&self.sides.project(), false)?;
        let work = format!("propagation without a fold: 1 % moved, {}", days_of(days));
        Ok(Figure::of_pairs(
            Kind::Propagation,
            days + MERGED_PLACES,
            &work,
            &merged,
            Target::default(),
        ))
    }

    fn propagate_alone(&self, days: u32) -> Result<Sample, BenchError> {
        let state = State::Moved(days).name();
        self.databases
            .restore(state.as_deref(), Side::Wigeon, &self.sides)
            .map_err(BenchError::Files)?;
        self.sides
            .run(Side::Wigeon, Job::Propagate(days), &self.extracts)
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
