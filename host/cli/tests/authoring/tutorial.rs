//! The tutorial for authors, done from its own text: `docs/plugins/tutorial.md`.
//!
//! What is typed is what the page says to type, in a directory and a target directory of its own,
//! so that the time is that of somebody who has the tools and has compiled nothing yet.

use std::{
    io::{self, Write as _},
    path::Path,
    time::{Duration, Instant},
};

use fs_err as fs;
use tempfile::TempDir;

use crate::{WORKSPACE, stdout_of_success, wigeon_building_in};

/// How long an author waits at most from `new` to tests that pass: new, build and test in five
/// minutes, on two cores.
const PATIENCE: Duration = Duration::from_mins(5);

/// The page, whose blocks are named by what they quote.
struct Tutorial(String);

impl Tutorial {
    fn read() -> Self {
        Self(fs::read_to_string(format!("{WORKSPACE}/docs/plugins/tutorial.md")).unwrap())
    }

    /// Returns the block that quotes `source`.
    fn block(&self, source: &str) -> &str {
        let mark = format!("<!-- quoted: {source} -->\n```");
        let (_, rest) = self
            .0
            .split_once(&mark)
            .unwrap_or_else(|| panic!("no {source}"));
        let (_, block) = rest.split_once('\n').unwrap();
        block.split_once("```\n").unwrap().0
    }

    /// Puts a plugin together as the page says: some regions, those of its `impl`, and the rest.
    fn plugin(&self, file: &str, before: &[&str], implements: &str, within: &[&str]) -> String {
        let region = |region: &&str| self.block(&format!("{file}#{region}")).to_owned();
        let [before, within] = [before, within].map(|regions| {
            let regions: Vec<_> = regions.iter().map(region).collect();
            regions.join("\n")
        });
        let export = region(&"export");
        format!("{before}\n{implements} {{\n{within}}}\n\n{export}")
    }
}

/// An author at work.
struct Author {
    target: TempDir,
    place: TempDir,
}

impl Author {
    fn new() -> Self {
        let directory = || TempDir::with_prefix("wigeon").unwrap();
        Self {
            target: directory(),
            place: directory(),
        }
    }

    fn types(&self, directory: &Path, arguments: &[&str]) -> String {
        stdout_of_success(wigeon_building_in(self.target.path(), directory, arguments))
    }

    /// Begins a plugin, and takes away the case that came with it.
    fn begins(&self, name: &str, kind: &str) -> std::path::PathBuf {
        let arguments = ["plugin", "new", name, "--kind", kind, "--lang", "rust"];
        self.types(self.place.path(), &arguments);
        let directory = self.place.path().join(name);
        // Nothing is fetched here, so the versions are those that are there.
        fs::copy(
            format!("{WORKSPACE}/Cargo.lock"),
            directory.join("Cargo.lock"),
        )
        .unwrap();
        fs::remove_dir_all(directory.join("tests/cases/first")).unwrap();
        directory
    }

    /// Writes what comes out of the case, and runs all tests.
    fn tests(&self, directory: &Path) -> String {
        self.types(directory, &["plugin", "test", "--bless"]);
        let tested = self.types(directory, &["plugin", "test"]);
        assert!(tested.ends_with("9 passed\n"), "{tested}");
        tested
    }
}

fn write(directory: &Path, file: &str, text: &str) {
    let path = directory.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn the_tutorial_does_what_it_says() {
    let (tutorial, author) = (Tutorial::read(), Author::new());
    let begun = Instant::now();

    let mask = author.begins("mask", "transform");
    let example = "examples/plugins/mask";
    let manifest = fs::read_to_string(mask.join("Cargo.toml")).unwrap();
    let added = manifest.replace("[dependencies]\n", "[dependencies]\nblake3 = \"1.8\"\n");
    assert_ne!(added, manifest);
    write(&mask, "Cargo.toml", &added);
    let source = tutorial.plugin(
        &format!("{example}/src/lib.rs"),
        &["imports", "options", "plugin", "state"],
        "impl Transform for Mask",
        &["open", "schema", "rows"],
    );
    write(&mask, "src/lib.rs", &source);
    for file in ["src/secret.rs", "src/values.rs"] {
        write(&mask, file, tutorial.block(&format!("{example}/{file}")));
    }
    for file in ["case.toml", "rows.csv"] {
        let file = format!("tests/cases/people/{file}");
        write(&mask, &file, tutorial.block(&format!("{example}/{file}")));
    }
    author.types(&mask, &["plugin", "build"]);
    author.tests(&mask);
    let took = begun.elapsed();
    // Said whether it passes or not, past what the test harness holds back.
    writeln!(
        io::stderr(),
        "the tutorial's first plugin, with nothing compiled before: {:.0} s from `plugin new` to tests that pass",
        took.as_secs_f64()
    )
    .unwrap();
    assert!(took < PATIENCE, "{took:?}");
    // What the case shows is what the example in the repository shows.
    let expected = "tests/cases/people/expected.txt";
    assert_eq!(
        fs::read_to_string(mask.join(expected)).unwrap(),
        fs::read_to_string(format!("{WORKSPACE}/{example}/{expected}")).unwrap()
    );

    for file in ["pipeline.toml", "data/people_2024-03-04.csv"] {
        write(&mask, file, tutorial.block(&format!("{example}/{file}")));
    }
    author.types(&mask, &["check"]);
    author.types(&mask, &["run"]);
    let people = "select count(*) as people, max(length(email)) as digits from people";
    let people = author.types(&mask, &["sql", people, "--format", "csv"]);
    assert_eq!(people, "people,digits\n3,64\n");

    let tenure = author.begins("tenure", "incremental");
    let example = "tests/plugins/tenure";
    let source = tutorial.plugin(
        &format!("{example}/src/lib.rs"),
        &["imports", "state", "options", "plugin"],
        "impl Incremental for Tenure",
        &["open", "shape", "lookup", "rows"],
    );
    write(&tenure, "src/lib.rs", &source);
    for file in ["case.toml", "lookup.csv", "rows.csv"] {
        let file = format!("tests/cases/moves/{file}");
        write(&tenure, &file, tutorial.block(&format!("{example}/{file}")));
    }
    author.tests(&tenure);
    let expected = fs::read_to_string(tenure.join("tests/cases/moves/expected.txt")).unwrap();
    assert!(
        expected.contains("SW19") && expected.contains("43200"),
        "{expected}"
    );
}
