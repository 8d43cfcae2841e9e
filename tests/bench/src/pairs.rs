//! The same work on both sides in turn, from the same state.

use crate::{
    databases::discard,
    error::BenchError,
    inspect::{Differences, Fingerprints},
    measure::{Pair, Sample},
    runner::Runner,
    sides::{Job, Side, argument},
    states::State,
};

/// What `inspect` may use to compare tables.
const INSPECT_MEMORY_LIMIT_MIB: u64 = 2_048;

impl Runner<'_> {
    /// Does a piece of work on both sides, as often as asked for, and checks that they end in the same tables.
    ///
    /// The extracts must be in place.
    pub(crate) fn pairs(
        &self,
        work: &str,
        state: State,
        job: Job,
    ) -> Result<Vec<Pair>, BenchError> {
        let mut pairs = vec![];
        for run in 0..self.settings.runs {
            let is_checked = run == 0 || self.settings.check_every;
            let (wigeon, of_wigeon) = self.measure(Side::Wigeon, state, job, is_checked)?;
            let (expert, of_expert) = self.measure(Side::Expert, state, job, is_checked)?;
            if of_wigeon != of_expert || (is_checked && self.settings.scale.is_small()) {
                self.compare(work, of_wigeon.as_ref(), of_expert.as_ref())?;
            }
            self.say(&format!(
                "{work}: pair {} of {}: wigeon {:.3} s, expert {:.3} s, ratio {:.2}",
                run + 1,
                self.settings.runs,
                wigeon.wall,
                expert.wall,
                wigeon.wall / expert.wall
            ));
            pairs.push(Pair { wigeon, expert });
        }
        self.discard_both()?;
        Ok(pairs)
    }

    fn measure(
        &self,
        side: Side,
        state: State,
        job: Job,
        is_checked: bool,
    ) -> Result<(Sample, Option<Fingerprints>), BenchError> {
        self.databases
            .restore(state.name().as_deref(), side, &self.sides)
            .map_err(BenchError::Files)?;
        let sample = self.sides.run(side, job, &self.extracts)?;
        let fingerprints = if is_checked {
            Some(self.fingerprints(side)?)
        } else {
            None
        };
        // Large databases are not both there at the same time, for the sake of the disk.
        if !self.settings.scale.is_small() {
            discard(side, &self.sides).map_err(BenchError::Files)?;
        }
        Ok((sample, fingerprints))
    }

    pub(crate) fn fingerprints(&self, side: Side) -> Result<Fingerprints, BenchError> {
        let printed = self.sides.inspect(&[
            "fingerprints".to_owned(),
            argument(&self.sides.database(side)),
            "--memory-limit-mib".to_owned(),
            INSPECT_MEMORY_LIMIT_MIB.to_string(),
        ])?;
        serde_json::from_str(&printed).map_err(BenchError::Inspect)
    }

    /// Fails if the sides differ, row by row where the tables are small.
    fn compare(
        &self,
        work: &str,
        wigeon: Option<&Fingerprints>,
        expert: Option<&Fingerprints>,
    ) -> Result<(), BenchError> {
        let differ = |differences: String| BenchError::Differ {
            work: work.to_owned(),
            differences,
        };
        if self.settings.scale.is_small() {
            let printed = self.sides.inspect(&[
                "differences".to_owned(),
                argument(&self.sides.database(Side::Wigeon)),
                argument(&self.sides.database(Side::Expert)),
            ])?;
            let found: Differences = serde_json::from_str(&printed).map_err(BenchError::Inspect)?;
            if found.rows > 0 {
                let rows = format!("{} rows", found.rows);
                let lines: Vec<_> = std::iter::once(rows).chain(found.examples).collect();
                return Err(differ(lines.join("\n  ")));
            }
        }
        if wigeon != expert {
            return Err(differ(format!("wigeon {wigeon:?}, expert {expert:?}")));
        }
        Ok(())
    }

    pub(crate) fn discard_both(&self) -> Result<(), BenchError> {
        Side::BOTH
            .into_iter()
            .try_for_each(|side| discard(side, &self.sides))
            .map_err(BenchError::Files)
    }
}
