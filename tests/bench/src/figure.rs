//! What came out of a work: medians, ratios, whether the target was met.

use serde::{Deserialize, Serialize};

use crate::{
    measure::{Pair, Sample},
    settings::Kind,
};

/// The place of the row with the sum of propagations; those before are days.
pub(crate) const SUM_PLACE: u32 = 1_000;

/// The places of rows with folds come so much later than those without.
pub(crate) const FOLD_PLACES: u32 = 1_001;

/// The places of rows with changes that are kept beside the rows come so much later still.
pub(crate) const MERGED_PLACES: u32 = 2_002;

/// The place of the first row with the growth of propagations.
pub(crate) const GROWTH_PLACE: u32 = 3_000;

/// What a work should take at most. Nothing by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The ratio of Wigeon's median time to the expert's.
    pub ratio: Option<f64>,
    /// Wigeon's median time in seconds.
    pub seconds: Option<f64>,
    /// Wigeon's peak memory in MiB.
    pub peak_mib: Option<f64>,
}

/// What a side took for a work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Seconds of wall-clock time: the median, or the sum of different works.
    pub wall: f64,
    /// Seconds of CPU time, likewise; none if that was not measured.
    pub cpu: Option<f64>,
    /// The greatest of the peaks, in MiB; none if that was not measured.
    pub peak_mib: Option<f64>,
    /// The wall-clock times, in the order of the runs.
    pub walls: Vec<f64>,
}

/// One row of the report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What kind of work it is. With `place` it says where the row is.
    pub kind: Kind,
    /// The place among others of its kind; for a propagation the days of history.
    pub place: u32,
    /// What was done.
    pub work: String,
    /// What Wigeon took.
    pub wigeon: Measured,
    /// What the expert took, if that was asked.
    pub expert: Option<Measured>,
    /// Wigeon's time over the expert's: of medians, or of sums.
    pub ratio: Option<f64>,
    /// The least and the greatest ratio of one pair.
    pub range: Option<(f64, f64)>,
    /// What it should be.
    pub target: Target,
}

impl Target {
    pub(crate) fn ratio(ratio: f64) -> Self {
        Self {
            ratio: Some(ratio),
            ..Self::default()
        }
    }

    pub(crate) fn seconds(seconds: f64) -> Self {
        Self {
            seconds: Some(seconds),
            ..Self::default()
        }
    }

    pub(crate) fn and_peak(self, peak_mib: Option<f64>) -> Self {
        Self { peak_mib, ..self }
    }
}

impl Measured {
    fn of_samples(samples: &[Sample]) -> Self {
        let peak = samples.iter().map(|sample| sample.peak_mib);
        Self {
            wall: median(samples.iter().map(|sample| sample.wall)),
            cpu: Some(median(samples.iter().map(|sample| sample.cpu))),
            peak_mib: peak.reduce(f64::max),
            walls: samples.iter().map(|sample| sample.wall).collect(),
        }
    }

    fn of_times(times: &[f64]) -> Self {
        Self {
            wall: median(times.iter().copied()),
            cpu: None,
            peak_mib: None,
            walls: times.to_vec(),
        }
    }

    /// Returns the sum of different works in place of the medians.
    fn summed(self, samples: &[Sample]) -> Self {
        Self {
            wall: samples.iter().map(|sample| sample.wall).sum(),
            cpu: Some(samples.iter().map(|sample| sample.cpu).sum()),
            ..self
        }
    }
}

impl Figure {
    /// The same work, done several times.
    pub(crate) fn of_pairs(
        kind: Kind,
        place: u32,
        work: &str,
        pairs: &[Pair],
        target: Target,
    ) -> Self {
        let (wigeon, expert) = sides(pairs);
        Self::new(
            kind,
            place,
            work,
            Measured::of_samples(&wigeon),
            Some(Measured::of_samples(&expert)),
            target,
        )
    }

    /// Works that follow on each other, each done once.
    pub(crate) fn of_sums(kind: Kind, place: u32, work: &str, pairs: &[Pair]) -> Self {
        let (wigeon, expert) = sides(pairs);
        Self::new(
            kind,
            place,
            work,
            Measured::of_samples(&wigeon).summed(&wigeon),
            Some(Measured::of_samples(&expert).summed(&expert)),
            Target::default(),
        )
    }

    /// Work of which only the time is known.
    pub(crate) fn of_times(
        kind: Kind,
        place: u32,
        work: &str,
        wigeon: &[f64],
        expert: &[f64],
        target: Target,
    ) -> Self {
        Self::new(
            kind,
            place,
            work,
            Measured::of_times(wigeon),
            Some(Measured::of_times(expert)),
            target,
        )
    }

    /// Work that the expert has not.
    pub(crate) fn of_wigeon(
        kind: Kind,
        place: u32,
        work: &str,
        samples: &[Sample],
        target: Target,
    ) -> Self {
        Self::new(
            kind,
            place,
            work,
            Measured::of_samples(samples),
            None,
            target,
        )
    }

    fn new(
        kind: Kind,
        place: u32,
        work: &str,
        wigeon: Measured,
        expert: Option<Measured>,
        target: Target,
    ) -> Self {
        let ratios: Vec<f64> = expert
            .iter()
            .flat_map(|expert| wigeon.walls.iter().zip(&expert.walls))
            .map(|(wigeon, expert)| wigeon / expert)
            .collect();
        let least = ratios.iter().copied().reduce(f64::min);
        let greatest = ratios.iter().copied().reduce(f64::max);
        Self {
            kind,
            place,
            work: work.to_owned(),
            ratio: expert.as_ref().map(|expert| wigeon.wall / expert.wall),
            range: least.zip(greatest),
            wigeon,
            expert,
            target,
        }
    }

    /// Returns how Wigeon's time grows from one work to another: the ratio of its own medians.
    pub(crate) fn of_growth(
        work: &str,
        place: u32,
        from: &Self,
        to: &Self,
        target: Target,
    ) -> Self {
        Self {
            kind: to.kind,
            place,
            work: work.to_owned(),
            wigeon: to.wigeon.clone(),
            expert: None,
            ratio: Some(to.wigeon.wall / from.wigeon.wall),
            range: None,
            target,
        }
    }

    /// Returns which row of a report it is.
    pub(crate) fn row(&self) -> (Kind, u32) {
        (self.kind, self.place)
    }

    /// Returns the ratio of CPU times, where both are known.
    pub fn cpu_ratio(&self) -> Option<f64> {
        Some(self.wigeon.cpu? / self.expert.as_ref()?.cpu?)
    }

    /// Returns whether the target was met; none if there is no target.
    pub fn is_met(&self) -> Option<bool> {
        let parts = [
            (self.ratio, self.target.ratio),
            (Some(self.wigeon.wall), self.target.seconds),
            (self.wigeon.peak_mib, self.target.peak_mib),
        ];
        parts
            .into_iter()
            .filter_map(|(found, target)| Some(found? <= target?))
            .reduce(|one, other| one && other)
    }
}

fn sides(pairs: &[Pair]) -> (Vec<Sample>, Vec<Sample>) {
    pairs.iter().map(|pair| (pair.wigeon, pair.expert)).unzip()
}

/// Returns the median, the mean of the two in the middle for an even number; 0 of nothing.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        length if length % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(wall: f64) -> Sample {
        Sample {
            wall,
            cpu: 2.0 * wall,
            peak_mib: 100.0 * wall,
        }
    }

    fn pairs() -> Vec<Pair> {
        [(1.0, 2.0), (6.0, 2.0), (3.0, 4.0)]
            .map(|(wigeon, expert)| Pair {
                wigeon: sample(wigeon),
                expert: sample(expert),
            })
            .to_vec()
    }

    #[test]
    fn ratio_is_that_of_medians_and_range_that_of_pairs() {
        let figure = Figure::of_pairs(Kind::Initial, 0, "x", &pairs(), Target::ratio(1.5));
        assert_eq!(figure.ratio, Some(1.5));
        assert_eq!(figure.range, Some((0.5, 3.0)));
        assert_eq!(figure.cpu_ratio(), Some(1.5));
        assert_eq!(figure.wigeon.peak_mib, Some(600.0));
        assert_eq!(figure.is_met(), Some(true));
    }

    #[test]
    fn ratio_of_different_works_is_that_of_their_sums() {
        let figure = Figure::of_sums(Kind::Propagation, 0, "x", &pairs());
        assert_eq!(figure.ratio, Some(10.0 / 8.0));
        assert_eq!(figure.is_met(), None);
    }

    #[test]
    fn target_is_met_if_all_of_it_is() {
        let target = Target::ratio(1.5).and_peak(Some(599.0));
        let figure = Figure::of_pairs(Kind::Initial, 0, "x", &pairs(), target);
        assert_eq!(figure.is_met(), Some(false));
    }

    #[test]
    fn median_of_an_even_number_lies_between_the_two_in_the_middle() {
        let median = |values: &[f64]| median(values.iter().copied()).to_string();
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), "2.5");
        assert_eq!(median(&[]), "0");
    }
}
