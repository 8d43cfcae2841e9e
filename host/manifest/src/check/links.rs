//! What sources and steps say of each other.

mod columns;
mod order;

use std::collections::HashMap;

use super::{
    source::SourceDraft,
    step::{Kind, StepDraft},
};
use crate::{
    code::Code,
    diagnostic::Diagnostic,
    mistakes::Mistakes,
    source::{Format, Location},
    words::{did_you_mean, printable},
};

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Source(usize),
    Step(usize),
}

/// Sources and steps, by name.
#[derive(Debug)]
struct Graph<'a, 't> {
    sources: &'a [SourceDraft<'t>],
    steps: &'a [StepDraft<'t>],
    names: HashMap<&'t str, Target>,
    /// Whether a name that is not in `names` does not exist.
    names_known: bool,
}

/// Reports what does not fit together, and returns the order in which the steps are to run, which
/// is complete if nothing was reported.
pub(super) fn check(
    sources: &[SourceDraft<'_>],
    steps: &[StepDraft<'_>],
    names_known: bool,
    mistakes: &mut Mistakes,
) -> Vec<usize> {
    let mut names = HashMap::new();
    for (index, source) in sources.iter().enumerate() {
        names.entry(source.name).or_insert(Target::Source(index));
    }
    for (index, step) in steps.iter().enumerate() {
        if let Some(name) = step.name {
            names.entry(name).or_insert(Target::Step(index));
        }
    }
    let graph = Graph {
        sources,
        steps,
        names,
        names_known: names_known && steps.iter().all(|step| step.name.is_some()),
    };
    for step in steps {
        graph.check_input(step, mistakes);
        graph.check_lookup(step, mistakes);
        graph.check_target(step, mistakes);
        columns::check(&graph, step, mistakes);
        graph.check_root(step, mistakes);
    }
    order::check_cycles(&graph, mistakes);
    order::order(&graph)
}

impl<'a, 't> Graph<'a, 't> {
    fn find(&self, name: Option<&str>) -> Option<Target> {
        self.names.get(name?).copied()
    }

    /// Returns the step of this name, if it is one.
    fn find_step(&self, name: Option<&str>) -> Option<&'a StepDraft<'t>> {
        match self.find(name)? {
            Target::Step(index) => Some(&self.steps[index]),
            Target::Source(_) => None,
        }
    }

    fn step_names(&self, kind: Kind) -> Vec<&'t str> {
        self.steps
            .iter()
            .filter(|step| step.kind == Some(kind))
            .filter_map(|step| step.name)
            .collect()
    }

    /// Returns what messages call the thing, with its sort: "snapshot step `users`".
    fn describe(&self, target: Target) -> String {
        match target {
            Target::Source(index) => format!("source {}", printable(self.sources[index].name)),
            Target::Step(index) => self.steps[index].owner_with_kind(),
        }
    }

    /// Returns the kind of a step; `None` for a source or if it is not known.
    fn kind(&self, target: Target) -> Option<Kind> {
        match target {
            Target::Source(_) => None,
            Target::Step(index) => self.steps[index].kind,
        }
    }

    fn check_input(&self, step: &StepDraft<'t>, mistakes: &mut Mistakes) {
        let Some(input) = step.input() else { return };
        let span = step.place().value_span("input");
        let reads_history = step.kind == Some(Kind::ChangeDetection);
        let Some(target) = self.find(Some(input)) else {
            let (known, what) = if reads_history {
                (self.step_names(Kind::Snapshot), "snapshot steps")
            } else {
                let sources = self.sources.iter().map(|source| source.name);
                let mut known: Vec<_> = sources.collect();
                known.extend(self.step_names(Kind::Transform));
                known.retain(|name| Some(*name) != step.name);
                (known, "sources and transform steps")
            };
            let message = format!(
                "{} reads from {}, which is not a source or step of this pipeline",
                step.owner(),
                printable(input)
            );
            let mistake = Diagnostic::new(Code::UnknownInput, span, message);
            self.add_unknown(mistake, input, &known, what, mistakes);
            return;
        };
        let Some(kind) = step.kind else { return };
        let fits = match (target, self.kind(target)) {
            (Target::Source(_), _) | (Target::Step(_), Some(Kind::Transform)) => !reads_history,
            (Target::Step(_), Some(Kind::Snapshot)) => reads_history,
            (Target::Step(_), Some(_)) => false,
            // What is wrong with its kind was said there.
            (Target::Step(_), None) => true,
        };
        if !fits {
            let message = format!(
                "{} cannot read from {}",
                step.owner_with_kind(),
                self.describe(target)
            );
            let input = if reads_history {
                "a snapshot step"
            } else {
                "a source or a transform step"
            };
            mistakes.add(
                Diagnostic::new(Code::WrongInput, span, message).with_help(format!(
                    "the input of {} {} step is {input}",
                    kind.article(),
                    kind.as_str()
                )),
            );
        }
    }

    fn check_lookup(&self, step: &StepDraft<'t>, mistakes: &mut Mistakes) {
        if step.kind != Some(Kind::Incremental) {
            return;
        }
        let Some(lookup) = step.lookup() else { return };
        let span = step.place().value_span("lookup");
        let Some(target) = self.find(Some(lookup)) else {
            let message = format!(
                "{} looks up {}, which is not a step of this pipeline",
                step.owner(),
                printable(lookup)
            );
            let known = self.step_names(Kind::Snapshot);
            let what = "snapshot steps";
            let mistake = Diagnostic::new(Code::UnknownLookup, span, message);
            self.add_unknown(mistake, lookup, &known, what, mistakes);
            return;
        };
        if matches!(target, Target::Source(_))
            || self.kind(target).is_some_and(|kind| kind != Kind::Snapshot)
        {
            let message = format!("{} cannot look up {}", step.owner(), self.describe(target));
            mistakes.add(
                Diagnostic::new(Code::WrongLookup, span, message)
                    .with_help("a lookup is a snapshot step"),
            );
            return;
        }
        let Some(snapshot) = self.find_step(Some(lookup)) else {
            return;
        };
        if let (Some(key), Some(looked_up)) = (step.key(), snapshot.key())
            && key.len() != looked_up.len()
            && !key.is_empty()
            && !looked_up.is_empty()
        {
            let message = format!(
                "the key of {} has {}, but that of its lookup {} has {}",
                step.owner(),
                crate::words::counted(key.len(), "column"),
                printable(lookup),
                looked_up.len()
            );
            mistakes.add(
                Diagnostic::new(Code::KeyLength, step.place().value_span("key"), message)
                    .with_label(snapshot.place().value_span("key"), "the key of the lookup")
                    .with_help("the two keys are matched column by column, in order"),
            );
        }
    }

    fn check_target(&self, step: &StepDraft<'t>, mistakes: &mut Mistakes) {
        if step.kind != Some(Kind::ChangeDetection) {
            return;
        }
        let Some(name) = step.target() else { return };
        let span = step.place().value_span("target");
        let Some(target) = self.find(Some(name)) else {
            let message = format!(
                "{} updates {}, which is not a step of this pipeline",
                step.owner(),
                printable(name)
            );
            let known = self.step_names(Kind::Incremental);
            let what = "incremental steps";
            let mistake = Diagnostic::new(Code::UnknownTarget, span, message);
            self.add_unknown(mistake, name, &known, what, mistakes);
            return;
        };
        if matches!(target, Target::Source(_))
            || self
                .kind(target)
                .is_some_and(|kind| kind != Kind::Incremental)
        {
            let message = format!("{} cannot update {}", step.owner(), self.describe(target));
            mistakes.add(
                Diagnostic::new(Code::WrongTarget, span, message)
                    .with_help("the target of change detection is an incremental step"),
            );
            return;
        }
        let looked_up = self.find_step(Some(name)).and_then(StepDraft::lookup);
        if let (Some(looked_up), Some(input)) = (looked_up, step.input())
            && looked_up != input
            && self.find(Some(looked_up)).is_some()
            && self.find(Some(input)).is_some()
        {
            let message = format!(
                "{} detects changes of {}, but its target {} looks up {}",
                step.owner(),
                printable(input),
                printable(name),
                printable(looked_up)
            );
            mistakes.add(
                Diagnostic::new(Code::WrongTarget, span, message)
                    .with_help("the input is the snapshot step that the target looks up"),
            );
        }
    }

    /// Reports that `name` does not exist. `known` are those that fit, `what` is what they are.
    fn add_unknown(
        &self,
        mistake: Diagnostic,
        name: &str,
        known: &[&str],
        what: &str,
        mistakes: &mut Mistakes,
    ) {
        if self.names_known {
            let help = did_you_mean(name, known.iter().copied(), what);
            mistakes.add(mistake.with_help(help));
        }
    }

    /// Returns the source that the rows of a step come from, through transforms.
    fn root(&self, step: &StepDraft<'t>) -> Option<&'a SourceDraft<'t>> {
        let mut target = self.find(step.input())?;
        // There is no longer way than through every step once.
        for _ in 0..=self.steps.len() {
            match target {
                Target::Source(index) => return Some(&self.sources[index]),
                Target::Step(index) if self.steps[index].kind == Some(Kind::Transform) => {
                    target = self.find(self.steps[index].input())?;
                }
                Target::Step(_) => return None,
            }
        }
        None
    }

    /// Reports what the kind of a step asks of the source its rows come from.
    fn check_root(&self, step: &StepDraft<'t>, mistakes: &mut Mistakes) {
        let Some(source) = self.root(step) else {
            return;
        };
        let span = step.place().value_span("input");
        if step.kind == Some(Kind::Snapshot)
            && let Some(Location::Files(pattern)) = &source.location
            && source.format.is_some()
            && !pattern.has_time()
        {
            let message = format!(
                "{} needs the date of each extract, but the files of source {} do not have it in \
                 their names",
                step.owner_with_kind(),
                printable(source.name)
            );
            mistakes.add(
                Diagnostic::new(Code::MissingDate, span.clone(), message)
                    .with_label(source.path_span.clone(), "the path of the files")
                    .with_help("put `{date}` where the date is, for example `users_{date}.csv`"),
            );
        }
        if (step.kind == Some(Kind::Incremental) || step.is_stored_transform())
            && source.format == Some(Format::DuckDb)
            && !source.has_watermark
        {
            let message = format!(
                "{} reads only new rows, but source {} does not say how to tell them",
                step.owner_with_kind(),
                printable(source.name)
            );
            mistakes.add(
                Diagnostic::new(Code::MissingWatermark, span, message)
                    .with_label(source.header.clone(), "the source is here")
                    .with_help(
                        "add the column that grows with every new row to the source, for example \
                         `watermark = \"updated_at\"`",
                    ),
            );
        }
    }
}
