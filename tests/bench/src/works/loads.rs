//! The first load, a users extract, an hour of views.

use wigeon_generator::Extract;

use crate::{
    error::BenchError,
    figure::{Figure, Target},
    runner::Runner,
    settings::{Kind, Scale},
    sides::Job,
    states::State,
};

/// The first hour of the day after that is loaded. It and the next have about a twenty-fourth of its views each.
const FIRST_HOUR: u32 = 8;

/// What everything may take at L, and what an hour may.
const PEAK_MIB: f64 = 4_096.0;
const HOURLY_PEAK_MIB: f64 = 1_536.0;

impl Runner<'_> {
    /// The first users extract and the 24 hourly files of its day.
    pub(crate) fn initial(&self) -> Result<Vec<Figure>, BenchError> {
        let work = "initial load: users and 24 hours";
        self.only(&Extract::of_day(0).collect::<Vec<_>>())?;
        let pairs = self.pairs(work, State::Empty, Job::Initial(0))?;
        let target = Target::ratio(1.1).and_peak(self.at_l(PEAK_MIB));
        Ok(vec![Figure::of_pairs(
            Kind::Initial,
            0,
            work,
            &pairs,
            target,
        )])
    }

    /// The users extract of the second day.
    pub(crate) fn daily(&self) -> Result<Vec<Figure>, BenchError> {
        let work = "daily snapshot: 1 % moved";
        self.prepare(State::Day)?;
        self.only(&[Extract::users(1)])?;
        let pairs = self.pairs(work, State::Day, Job::Snapshot(1))?;
        let target = Target::ratio(1.0).and_peak(self.at_l(PEAK_MIB));
        Ok(vec![Figure::of_pairs(Kind::Daily, 0, work, &pairs, target)])
    }

    /// Hourly files into a table of a day, one after the other, with a history of two extracts.
    pub(crate) fn hourly(&self) -> Result<Vec<Figure>, BenchError> {
        let work = "hourly load: one file into a day";
        self.prepare(State::Moved(1))?;
        let hours = (FIRST_HOUR..24).take(self.settings.runs as usize);
        let hours: Vec<_> = hours.map(|hour| Extract::views(1, hour)).collect();
        let pairs = self.pairs_in_a_row(work, State::Moved(1), Job::Load(1), &hours)?;
        let target = Target::ratio(1.1).and_peak(self.at_l(HOURLY_PEAK_MIB));
        Ok(vec![Figure::of_pairs(
            Kind::Hourly,
            0,
            work,
            &pairs,
            target,
        )])
    }

    fn at_l(&self, peak_mib: f64) -> Option<f64> {
        (self.settings.scale == Scale::L).then_some(peak_mib)
    }
}
