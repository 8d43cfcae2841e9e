//! The questions of the analysts, after a propagation and after the run that follows on it.

use crate::{
    error::BenchError,
    figure::{Figure, Target},
    inspect::Answer,
    project,
    runner::Runner,
    settings::Kind,
    sides::{Job, Side, argument},
    states::State,
};

impl Runner<'_> {
    /// Asks both sides after the moves of a day have reached the views of as many days as are asked for.
    pub(crate) fn questions(&self) -> Result<Vec<Figure>, BenchError> {
        let days = self.settings.days.last().copied().unwrap_or(1);
        let state = State::Moved(days);
        self.prepare(state)?;
        for side in Side::BOTH {
            self.databases
                .restore(state.name().as_deref(), side, &self.sides)
                .map_err(BenchError::Files)?;
        }
        self.only(&[])?;
        self.both(Job::Propagate(days))?;
        let mut figures = vec![];
        for state in ["before the next run", "after it"] {
            if !figures.is_empty() {
                self.fold(days)?;
            }
            for answer in self.ask()? {
                let place = u32::try_from(figures.len()).unwrap_or(u32::MAX);
                let work = format!("question {}, {days} days, {state}", answer.question);
                figures.push(self.answered(place, &work, &answer)?);
            }
        }
        self.discard_both()?;
        Ok(figures)
    }

    fn ask(&self) -> Result<Vec<Answer>, BenchError> {
        let mut arguments = vec![
            "ask".to_owned(),
            argument(&self.sides.database(Side::Wigeon)),
            argument(&self.sides.database(Side::Expert)),
            "--runs".to_owned(),
            self.settings.runs.to_string(),
            "--memory-limit-mib".to_owned(),
            self.settings.memory_limit_mib.to_string(),
        ];
        for question in project::questions() {
            arguments.extend(["--question".to_owned(), argument(&question)]);
        }
        let printed = self.sides.inspect(&arguments)?;
        serde_json::from_str(&printed).map_err(BenchError::Inspect)
    }

    fn answered(&self, place: u32, work: &str, answer: &Answer) -> Result<Figure, BenchError> {
        if !answer.same {
            return Err(BenchError::Differ {
                work: work.to_owned(),
                differences: "the answers".to_owned(),
            });
        }
        let figure = Figure::of_times(
            Kind::Questions,
            place,
            work,
            &answer.wigeon,
            &answer.expert,
            Target::ratio(1.3),
        );
        self.say(&format!(
            "{work}: wigeon {:.3} s, expert {:.3} s",
            figure.wigeon.wall,
            figure.expert.as_ref().map_or(0.0, |expert| expert.wall)
        ));
        Ok(figure)
    }
}
