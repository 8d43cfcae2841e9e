//! What questions take of views that do the least that a view could which decides row by row.

use crate::{
    error::BenchError,
    figure::{Figure, Target},
    inspect::ViewAnswers,
    project,
    runner::Runner,
    settings::Kind,
    sides::{Side, argument},
    states::State,
};

impl Runner<'_> {
    /// Asks the questions about now of the expert's table, and of views of it, with as many days as are asked for.
    ///
    /// The views' times take the place of Wigeon's.
    pub(crate) fn views(&self) -> Result<Vec<Figure>, BenchError> {
        let days = self.settings.days.last().copied().unwrap_or(1);
        let state = State::Moved(days);
        self.prepare(state)?;
        self.databases
            .restore(state.name().as_deref(), Side::Expert, &self.sides)
            .map_err(BenchError::Files)?;
        let database = argument(&self.sides.database(Side::Expert));
        let arguments = self.question("views", &[database], &project::questions_about_now());
        let printed = self.sides.inspect(&arguments)?;
        let found: Vec<ViewAnswers> =
            serde_json::from_str(&printed).map_err(BenchError::Inspect)?;
        self.discard_both()?;
        let mut figures = vec![];
        for view in &found {
            for answer in &view.answers {
                let work = format!("{} of {}, {days} days", answer.question, view.view);
                let place = u32::try_from(figures.len()).unwrap_or(u32::MAX);
                figures.push(self.answered(
                    Kind::Views,
                    place,
                    &work,
                    answer,
                    Target::default(),
                )?);
            }
        }
        Ok(figures)
    }
}
