//! What comes out of a run, for people and for other runs.

use std::path::Path;

use chrono::{DateTime, SubsecRound, Utc};
use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};
use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::{
    error::BenchError,
    figure::{Figure, GROWTH_PLACE, MERGED_PLACES, SUM_PLACE, Target},
    machine::Machine,
    settings::{Kind, Prepare, Scale, Settings},
};

/// How much longer Wigeon may take for 30 days of history than for 3.
const GROWTH: f64 = 2.0;

/// The days that growth is measured from, and from how many days on it has a target.
const GROWTH_FROM: u32 = 3;
const GROWTH_TARGET_FROM: u32 = 30;

/// All figures of a scale, and what they were measured on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// How large the extracts were.
    pub scale: Scale,
    /// When it ended.
    pub finished: DateTime<Utc>,
    /// What it was measured on.
    pub machine: Machine,
    /// DuckDB's `memory_limit`, on both sides.
    pub memory_limit_mib: u64,
    /// How often each side did each work, at least.
    pub runs: u32,
    /// How the history before propagations came about.
    pub prepare: Prepare,
    /// The rows.
    pub figures: Vec<Figure>,
}

impl Report {
    pub(crate) fn new(settings: &Settings, machine: Machine, figures: Vec<Figure>) -> Self {
        let mut report = Self {
            scale: settings.scale,
            finished: Utc::now().trunc_subsecs(0),
            machine,
            memory_limit_mib: settings.memory_limit_mib,
            runs: settings.runs,
            prepare: settings.prepare,
            figures,
        };
        report.figures.sort_by_key(Figure::row);
        report.add_growth();
        report
    }

    /// Adds the rows of an earlier report that this one has not, so that a scale can be measured in pieces.
    ///
    /// # Errors
    ///
    /// - [`BenchError::Files`], [`BenchError::Report`] if the file cannot be read.
    /// - [`BenchError::OtherReport`] if it is of another scale, memory limit or way to prepare.
    pub fn add_earlier(&mut self, path: &Path) -> Result<(), BenchError> {
        let text = fs::read_to_string(path).map_err(BenchError::Files)?;
        let earlier: Self = serde_json::from_str(&text).map_err(|source| BenchError::Report {
            path: path.to_owned(),
            source,
        })?;
        let settings = |report: &Self| (report.scale, report.memory_limit_mib, report.prepare);
        if settings(&earlier) != settings(self) {
            return Err(BenchError::OtherReport {
                path: path.to_owned(),
            });
        }
        let known: Vec<_> = self.figures.iter().map(Figure::row).collect();
        let others = earlier.figures.into_iter();
        self.figures
            .extend(others.filter(|figure| !known.contains(&figure.row())));
        self.figures.sort_by_key(Figure::row);
        self.runs = self.runs.min(earlier.runs);
        self.add_growth();
        Ok(())
    }

    /// Compares the longest history with a short one, by Wigeon's own times: of what a propagation does by itself, and
    /// of the same work for both histories, without a fold.
    fn add_growth(&mut self) {
        self.figures.retain(|figure| figure.place < GROWTH_PLACE);
        let works = [
            ("propagation", 0..SUM_PLACE),
            ("propagation without a fold", MERGED_PLACES..GROWTH_PLACE),
        ];
        for (place, (work, places)) in (GROWTH_PLACE..).zip(works) {
            let first = places.start;
            let of_days = |figure: &&Figure| {
                figure.kind == Kind::Propagation && places.contains(&figure.place)
            };
            let days = || self.figures.iter().filter(of_days);
            let from = days().find(|figure| figure.place == first + GROWTH_FROM);
            let to = days().max_by_key(|figure| figure.place);
            if let (Some(from), Some(to)) = (from, to)
                && to.place > from.place
            {
                let days = to.place - first;
                let target = if days >= GROWTH_TARGET_FROM {
                    Target::ratio(GROWTH)
                } else {
                    Target::default()
                };
                let work = format!("{work}: {days} days over {GROWTH_FROM}, wigeon");
                let growth = Figure::of_growth(&work, place, from, to, target);
                let end = self
                    .figures
                    .iter()
                    .rposition(|figure| figure.kind == Kind::Propagation);
                let end = end.map_or(self.figures.len(), |last| last + 1);
                self.figures.insert(end, growth);
            }
        }
    }

    /// Writes the report as JSON, for [`Report::add_earlier`] and other programs.
    ///
    /// # Errors
    ///
    /// [`BenchError::Files`], [`BenchError::Report`] if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), BenchError> {
        let text = serde_json::to_string_pretty(self).map_err(|source| BenchError::Report {
            path: path.to_owned(),
            source,
        })?;
        fs::write(path, text + "\n").map_err(BenchError::Files)
    }

    /// Returns the rows as a table in Markdown.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.force_no_tty();
        table.load_preset(ASCII_MARKDOWN);
        table.set_header([
            "work",
            "wigeon, s",
            "expert, s",
            "ratio",
            "least to greatest",
            "CPU ratio",
            "wigeon, MiB",
            "expert, MiB",
            "target",
            "met",
        ]);
        for column in table.column_iter_mut().skip(1).take(7) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        for figure in &self.figures {
            table.add_row(cells(figure));
        }
        table.lines().fold(String::new(), |mut text, line| {
            text.push_str(line.trim_end());
            text.push('\n');
            text
        })
    }

    /// Returns the report as a section in Markdown.
    pub fn section(&self) -> String {
        let machine = &self.machine;
        let known = |number: Option<f64>| number.map_or("?".to_owned(), |n| format!("{n:.1}"));
        let prepared = match self.prepare {
            Prepare::Cron => "prepared as cron would",
            Prepare::Direct => "prepared with all users extracts before the views",
        };
        format!(
            "### {scale}: {users} users, {views} views a day\n\n\
             {date}; {cores} cores of {processor}, {memory} GiB; load {load} before it began; {wigeon}, DuckDB \
             {duckdb}; `memory_limit` {limit} MiB; {runs} runs or more of each side; history {prepared}.\n\n{table}",
            scale = self.scale.name(),
            users = thousands(self.scale.users()),
            views = thousands(self.scale.views_per_day()),
            date = self.finished.format("%Y-%m-%d %H:%M UTC"),
            cores = machine.cores,
            processor = machine.processor,
            memory = known(machine.memory_gib),
            load = known(machine.load),
            wigeon = machine.wigeon,
            duckdb = machine.duckdb,
            limit = self.memory_limit_mib,
            runs = self.runs,
            table = self.table(),
        )
    }
}

fn cells(figure: &Figure) -> Vec<String> {
    let number = |number: Option<f64>, digits: usize| {
        number.map_or(String::new(), |number| format!("{number:.digits$}"))
    };
    let expert = figure.expert.as_ref();
    let target = &figure.target;
    let targets = [
        target.ratio.map(|ratio| format!("≤ {ratio:.1}")),
        target
            .seconds
            .map(|seconds| format!("≤ {:.0} ms", seconds * 1_000.0)),
        target.peak_mib.map(|peak| format!("≤ {peak:.0} MiB")),
    ];
    let met = match figure.is_met() {
        Some(true) => "yes",
        Some(false) => "no",
        None => "",
    };
    vec![
        figure.work.clone(),
        number(Some(figure.wigeon.wall), 3),
        number(expert.map(|expert| expert.wall), 3),
        number(figure.ratio, 2),
        figure.range.map_or(String::new(), |(least, greatest)| {
            format!("{least:.2} to {greatest:.2}")
        }),
        number(figure.cpu_ratio(), 2),
        number(figure.wigeon.peak_mib, 0),
        number(expert.and_then(|expert| expert.peak_mib), 0),
        targets.into_iter().flatten().collect::<Vec<_>>().join(", "),
        met.to_owned(),
    ]
}

/// Returns a number with commas between its thousands.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_parted() {
        assert_eq!(thousands(100), "100");
        assert_eq!(thousands(20_000), "20,000");
        assert_eq!(thousands(100_000_000), "100,000,000");
    }
}
