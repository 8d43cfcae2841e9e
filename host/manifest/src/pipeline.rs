//! A manifest without mistakes.

use std::ops::Range;

use chrono_tz::Tz;

use crate::{
    code::Code,
    diagnostic::Diagnostic,
    report::Report,
    source::Source,
    step::{Step, StepKind, UpdateMode},
};

/// A pipeline whose manifest was checked completely.
///
/// [`check`](crate::check) is the only way to one. Every name in it refers to something of the
/// right sort in the same pipeline, and every number is within its bounds.
#[derive(Debug, Clone)]
pub struct CheckedPipeline {
    pub(crate) name: String,
    pub(crate) time_zone: Tz,
    pub(crate) warehouse: WarehouseSettings,
    pub(crate) sources: Vec<Source>,
    pub(crate) steps: Vec<Step>,
    pub(crate) file_name: String,
    pub(crate) text: String,
}

/// The DuckDB file that the tables are in, and what it may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarehouseSettings {
    /// The file; a relative path starts at the manifest. Default: `<name>.duckdb`.
    pub path: String,

    /// Memory that DuckDB may use, in MiB, at least 64. Default: 1024.
    pub memory_limit_mib: u64,

    /// Threads that DuckDB may use, at least 1. Default: `None`, one for each core.
    pub threads: Option<u32>,

    /// In which directory DuckDB puts what does not fit into its memory; a relative path starts at the
    /// manifest. Pipelines may share it. Default: `None`, beside the file.
    pub temp_directory: Option<String>,
}

impl CheckedPipeline {
    /// Returns what the pipeline is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the time zone of schedules and of the dates in file names.
    pub fn time_zone(&self) -> Tz {
        self.time_zone
    }

    /// Returns where the tables are.
    pub fn warehouse(&self) -> &WarehouseSettings {
        &self.warehouse
    }

    /// Returns the sources in the order of the file.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Returns the steps so that each comes after those it reads, looks up or updates.
    ///
    /// Otherwise they are in the order of the file.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Returns the source of this name.
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.name == name)
    }

    /// Returns the step of this name.
    pub fn step(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// Returns the source that the rows of a step come from, and the transform steps on the way, in
    /// the order in which they are applied.
    ///
    /// A transform step is the last on its own way. A change-detection step has the way of the
    /// snapshot step that it reads.
    ///
    /// # Panics
    ///
    /// Panics if the step is of another pipeline.
    pub fn source_of(&self, step: &Step) -> (&Source, Vec<&Step>) {
        let mut transforms = Vec::new();
        let mut name = step.name.as_str();
        loop {
            if let Some(source) = self.source(name) {
                transforms.reverse();
                return (source, transforms);
            }
            let step = self
                .step(name)
                .expect("the inputs of a checked pipeline lead to a source");
            if matches!(step.kind, StepKind::Transform { .. }) {
                transforms.push(step);
            }
            name = &step.input;
        }
    }

    /// Returns the steps that detect changes for the table of an incremental step, in the order of
    /// [`Self::steps`], and how each writes them.
    pub fn detections_of(&self, target: &str) -> impl Iterator<Item = (&Step, UpdateMode)> {
        self.steps.iter().filter_map(move |step| match &step.kind {
            StepKind::ChangeDetection {
                target: of,
                update_mode,
            } if of == target => Some((step, *update_mode)),
            _ => None,
        })
    }

    /// Returns what the manifest is called in messages.
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// Returns the text of the manifest.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Reports a mistake at a place in the manifest that only showed later, such as options that
    /// the plugin refuses.
    ///
    /// `span` is one of those in [`Step`]; `message` and `help` are one sentence each, without a
    /// full stop.
    pub fn complain(
        &self,
        span: Range<usize>,
        code: Code,
        message: String,
        help: Option<String>,
    ) -> Report {
        let mut diagnostic = Diagnostic::new(code, span, message);
        diagnostic.help = help;
        Report::at(&self.file_name, &self.text, vec![diagnostic])
    }
}
