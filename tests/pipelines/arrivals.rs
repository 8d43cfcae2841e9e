//! The flagship with made-up extracts that arrive one by one, and the oracle's word on its tables.

use std::path::PathBuf;

use fs_err as fs;
use wigeon_generator::{Extract, Format, History, Settings};
use wigeon_oracle::{history, history_csv, pageviews, pageviews_csv};
use wigeon_tests::Project;

const PAGEVIEWS: &str = "select * from pageviews_postcode order by all nulls first";
const HISTORY: &str = "select id, postcode, valid_from, valid_to from current_postcode_history order by id, valid_from";

/// A flagship whose extracts arrive one by one.
pub(crate) struct Arrivals {
    pub(crate) project: Project,
    pub(crate) made: History,
    pub(crate) users: Vec<PathBuf>,
    pub(crate) views: Vec<PathBuf>,
}

impl Arrivals {
    pub(crate) fn new(settings: Settings) -> Self {
        let project = Project::flagship();
        // Few users: the guard's shares are for many.
        project.edit_manifest("max_closed_share = 0.2", "max_closed_share = 1.0");
        project.edit_manifest("max_changed_share = 0.5", "max_changed_share = 1.0");
        Self {
            project,
            made: History::new(settings),
            users: vec![],
            views: vec![],
        }
    }

    /// Lets an extract arrive.
    pub(crate) fn arrive(&mut self, extract: Extract) {
        let directory = self.project.path("extracts");
        self.made
            .write_file(extract, &directory)
            .expect("an extract");
        let path = directory.join(self.made.file_name(extract));
        if extract.is_users() {
            self.users.push(path);
        } else {
            self.views.push(path);
        }
    }

    /// Says how changes reach the loaded rows from now on: by its number, in place, in an overlay,
    /// or in an overlay that any other mode folds in.
    pub(crate) fn update_mode(&self, number: u8) {
        let mode = ["auto", "merge-on-read", "copy-on-write"][usize::from(number) % 3];
        let path = self.project.path("pipeline.toml");
        let manifest = fs::read_to_string(path).expect("the manifest");
        let target = "target = \"pageviews_postcode\"";
        let lines = manifest
            .lines()
            .filter(|line| !line.starts_with("update_mode"));
        let lines = lines.map(|line| {
            if line == target {
                format!("{target}\nupdate_mode = \"{mode}\"\n")
            } else {
                format!("{line}\n")
            }
        });
        self.project
            .write("pipeline.toml", lines.collect::<String>());
    }

    /// Says in how many lanes each step works that has a plugin with keys. A transform has no lanes.
    pub(crate) fn lanes(&self, number: u32) {
        let path = self.project.path("pipeline.toml");
        let manifest = fs::read_to_string(path).expect("the manifest");
        let lines = manifest.lines().map(|line| {
            if line.starts_with("schedule = ") {
                format!("{line}\nlimits = {{ lanes = {number} }}\n")
            } else {
                format!("{line}\n")
            }
        });
        self.project
            .write("pipeline.toml", lines.collect::<String>());
    }

    /// The loaded rows are the oracle's, row for row.
    pub(crate) fn check(&self, when: &str) {
        let expected = pageviews_csv(&pageviews(&self.users, &self.views));
        assert_same(&self.project.sql(PAGEVIEWS), &expected, when);
        let expected = history_csv(&history(&self.users));
        assert_same(&self.project.sql(HISTORY), &expected, when);
    }
}

/// Compares two tables, and shows the first lines that differ.
pub(crate) fn assert_same(actual: &str, expected: &str, when: &str) {
    if actual == expected {
        return;
    }
    let differing = actual.lines().zip(expected.lines()).find(|(a, e)| a != e);
    panic!(
        "{when}: {} rows where {} are due; first difference: {differing:?}",
        actual.lines().count(),
        expected.lines().count()
    );
}

/// A small history in CSV files, in which many users move.
pub(crate) fn settings(seed: u64, users: u64, views: u64, days: u32) -> Settings {
    Settings {
        users,
        views_per_day: views,
        days,
        movers: 0.15,
        seed,
        format: Format::Csv,
        ..Settings::default()
    }
}
