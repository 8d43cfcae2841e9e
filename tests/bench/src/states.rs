//! The states that works start from, and how they are prepared.

use wigeon_generator::Extract;

use crate::{
    error::BenchError,
    extracts,
    measure::{Pair, Sample},
    runner::Runner,
    settings::Prepare,
    sides::{Job, Side},
};

/// What both databases hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing: there are none.
    Empty,
    /// Users and views of the first day.
    Day,
    /// Users and views of some days, and the users extract after them, by which 1 % moved. Its moves have not yet
    /// reached the views; those of the days before have.
    Moved(u32),
}

impl State {
    /// Returns the name of its directory.
    pub(crate) fn name(self) -> Option<String> {
        match self {
            Self::Empty => None,
            Self::Day => Some("day".to_owned()),
            Self::Moved(days) => Some(format!("moved_{days}")),
        }
    }
}

/// What a propagation took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Propagated {
    /// By itself.
    pub(crate) alone: Pair,
    /// With Wigeon's next load, which folds the changes in if that was not yet done.
    pub(crate) with_fold: Pair,
}

impl Runner<'_> {
    /// Prepares a state if it is not there.
    ///
    /// Unless prepared databases are kept, the state that it follows on is there no more.
    /// Returns what the propagations on the way took, if it is prepared as cron would.
    pub(crate) fn prepare(&self, state: State) -> Result<Vec<Propagated>, BenchError> {
        let Some(name) = state.name() else {
            return Ok(vec![]);
        };
        if self.databases.has(&name) {
            return Ok(vec![]);
        }
        let propagations = match state {
            State::Empty => vec![],
            State::Day => {
                self.begin_with(State::Empty)?;
                self.only(&Extract::of_day(0).collect::<Vec<_>>())?;
                self.both(Job::Initial(0))?;
                vec![]
            }
            State::Moved(1) => {
                self.begin_with(State::Day)?;
                self.snapshot(1)?;
                vec![]
            }
            State::Moved(days) => match self.settings.prepare {
                Prepare::Cron => self.go_on(days)?,
                Prepare::Direct => {
                    self.begin_with(State::Empty)?;
                    self.begin_anew(days)?;
                    vec![]
                }
            },
        };
        self.databases
            .keep(&name, &self.sides)
            .map_err(BenchError::Files)?;
        Ok(propagations)
    }

    /// Goes on as cron would, from the latest state before `days` days that is there.
    fn go_on(&self, days: u32) -> Result<Vec<Propagated>, BenchError> {
        let is_there = |days: &u32| {
            let name = State::Moved(*days).name();
            name.is_some_and(|name| self.databases.has(&name))
        };
        let from = (1..days).rev().find(is_there).unwrap_or(1);
        self.begin_with(State::Moved(from))?;
        let mut propagations = vec![];
        for day in from..days {
            let alone = self.both(Job::Propagate(day))?;
            self.only(&[])?;
            let fold = self.fold(day)?;
            propagations.push(Propagated {
                alone,
                with_fold: Pair {
                    wigeon: alone.wigeon.and(fold),
                    ..alone
                },
            });
            self.only(&extracts::views(day))?;
            self.both(Job::Load(day))?;
            self.snapshot(day + 1)?;
        }
        Ok(propagations)
    }

    /// Takes in all users extracts, then all views.
    fn begin_anew(&self, days: u32) -> Result<(), BenchError> {
        for day in 0..days {
            self.snapshot(day)?;
        }
        for day in 0..days {
            self.only(&extracts::views(day))?;
            self.both(Job::Load(day))?;
        }
        self.snapshot(days)
    }

    /// Lets both sides work on a state, which is prepared first.
    fn begin_with(&self, state: State) -> Result<(), BenchError> {
        self.prepare(state)?;
        match state.name() {
            Some(name) if !self.settings.keep => self.databases.take(&name, &self.sides),
            name => Side::BOTH
                .into_iter()
                .try_for_each(|side| self.databases.restore(name.as_deref(), side, &self.sides)),
        }
        .map_err(BenchError::Files)
    }

    fn snapshot(&self, day: u32) -> Result<(), BenchError> {
        self.only(&[Extract::users(day)])?;
        self.both(Job::Snapshot(day))?;
        Ok(())
    }

    /// Does a piece of work on both sides.
    pub(crate) fn both(&self, job: Job) -> Result<Pair, BenchError> {
        let run = |side| -> Result<Sample, BenchError> {
            let sample = self.sides.run(side, job, &self.extracts)?;
            self.say(&format!(
                "  preparing: {} {job:?}: {:.2} s",
                side.name(),
                sample.wall
            ));
            Ok(sample)
        };
        Ok(Pair {
            wigeon: run(Side::Wigeon)?,
            expert: run(Side::Expert)?,
        })
    }

    /// Lets Wigeon fold in what the propagation of a day has left, if anything.
    pub(crate) fn fold(&self, day: u32) -> Result<Sample, BenchError> {
        let sample = self.sides.fold(day, &self.extracts)?;
        self.say(&format!("  wigeon Fold({day}): {:.2} s", sample.wall));
        Ok(sample)
    }

    pub(crate) fn only(&self, extracts: &[Extract]) -> Result<(), BenchError> {
        self.extracts.only(extracts).map_err(BenchError::Files)
    }
}
