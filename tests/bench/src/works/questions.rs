//! The questions of the analysts, after a propagation and after the run that follows on it.

use std::path::PathBuf;

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
                figures.push(self.answered(
                    Kind::Questions,
                    place,
                    &work,
                    &answer,
                    Target::ratio(1.3),
                )?);
            }
        }
        self.discard_both()?;
        Ok(figures)
    }

    fn ask(&self) -> Result<Vec<Answer>, BenchError> {
        let databases = Side::BOTH.map(|side| argument(&self.sides.database(side)));
        let questions = project::questions();
        let arguments = self.question("ask", &databases, &questions);
        let printed = self.sides.inspect(&arguments)?;
        serde_json::from_str(&printed).map_err(BenchError::Inspect)
    }

    /// Returns the arguments with which `inspect` asks questions.
    pub(crate) fn question(
        &self,
        command: &str,
        databases: &[String],
        questions: &[PathBuf],
    ) -> Vec<String> {
        let mut arguments = vec![command.to_owned()];
        arguments.extend_from_slice(databases);
        let limits = [
            ("--runs", u64::from(self.settings.runs)),
            ("--memory-limit-mib", self.settings.memory_limit_mib),
        ];
        for (name, value) in limits {
            arguments.extend([name.to_owned(), value.to_string()]);
        }
        for question in questions {
            arguments.extend(["--question".to_owned(), argument(question)]);
        }
        arguments
    }

    pub(crate) fn answered(
        &self,
        kind: Kind,
        place: u32,
        work: &str,
        answer: &Answer,
        target: Target,
    ) -> Result<Figure, BenchError> {
        if !answer.same {
            return Err(BenchError::Differ {
                work: work.to_owned(),
                differences: "the answers".to_owned(),
            });
        }
        let figure = Figure::of_times(kind, place, work, &answer.wigeon, &answer.expert, target);
        self.say(&format!(
            "{work}: wigeon {:.3} s, expert {:.3} s",
            figure.wigeon.wall,
            figure.expert.as_ref().map_or(0.0, |expert| expert.wall)
        ));
        Ok(figure)
    }
}
