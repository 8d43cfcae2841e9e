//! The same work on both sides in turn, from the same state.

use wigeon_generator::Extract;

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
            let pair = Pair { wigeon, expert };
            self.say_pair(work, pairs.len(), self.settings.runs as usize, &pair);
            pairs.push(pair);
        }
        self.discard_both()?;
        Ok(pairs)
    }

    /// Does a piece of work on both sides for one extract after the other, each time going on from what was left the
    /// time before, and checks that they end in the same tables.
    ///
    /// DuckDB's checkpoint joins row groups that are not full, if two of them fit into one. What that costs depends on
    /// where a table happens to end, which is another place for each side: so this is measured at several.
    pub(crate) fn pairs_in_a_row(
        &self,
        work: &str,
        state: State,
        job: Job,
        extracts: &[Extract],
    ) -> Result<Vec<Pair>, BenchError> {
        for side in Side::BOTH {
            self.databases
                .restore(state.name().as_deref(), side, &self.sides)
                .map_err(BenchError::Files)?;
        }
        let mut pairs = vec![];
        for count in 1..=extracts.len() {
            self.only(&extracts[..count])?;
            let pair = Pair {
                wigeon: self.sides.run(Side::Wigeon, job, &self.extracts)?,
                expert: self.sides.run(Side::Expert, job, &self.extracts)?,
            };
            if count == extracts.len() || self.settings.check_every {
                let wigeon = self.fingerprints(Side::Wigeon)?;
                let expert = self.fingerprints(Side::Expert)?;
                self.compare(work, Some(&wigeon), Some(&expert))?;
            }
            self.say_pair(work, pairs.len(), extracts.len(), &pair);
            pairs.push(pair);
        }
        self.discard_both()?;
        Ok(pairs)
    }

    fn say_pair(&self, work: &str, before: usize, all: usize, pair: &Pair) {
        let (wigeon, expert) = (pair.wigeon.wall, pair.expert.wall);
        self.say(&format!(
            "{work}: pair {} of {all}: wigeon {wigeon:.3} s, expert {expert:.3} s, ratio {:.2}",
            before + 1,
            wigeon / expert
        ));
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
