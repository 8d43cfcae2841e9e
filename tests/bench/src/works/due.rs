//! `run --due` when everything has been done.

use wigeon_generator::Extract;

use crate::{
    error::BenchError,
    figure::{Figure, Target},
    runner::Runner,
    settings::Kind,
    sides::Side,
    states::State,
};

/// It is asked every few minutes, so an absolute time was asked for.
const SECONDS: f64 = 0.05;

impl Runner<'_> {
    /// Asks what is due when nothing is, some more times than other works, since it is short.
    pub(crate) fn due(&self) -> Result<Vec<Figure>, BenchError> {
        let work = "`run --due` with nothing due";
        self.prepare(State::Moved(1))?;
        // Without a file, a source that a step reads is a mistake.
        self.only(&[Extract::users(1), Extract::views(1, 0)])?;
        let state = State::Moved(1).name();
        self.databases
            .restore(state.as_deref(), Side::Wigeon, &self.sides)
            .map_err(BenchError::Files)?;
        let at = format!("{}T09:12", self.extracts.date(1));
        // What has not been done yet is due at first.
        self.sides.run_due(&at)?;
        let samples = (0..4 * self.settings.runs)
            .map(|_| self.sides.run_due(&at))
            .collect::<Result<Vec<_>, _>>()?;
        self.discard_both()?;
        let figure = Figure::of_wigeon(Kind::Due, 0, work, &samples, Target::seconds(SECONDS));
        self.say(&format!("{work}: {:.3} s", figure.wigeon.wall));
        Ok(vec![figure])
    }
}
