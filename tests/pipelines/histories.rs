//! Histories of snapshots, each told in a text of `histories/`: what arrives day by day, and after
//! each run what it said and what the history is then.
//!
//! A text begins with a sentence about it. Then come parts, each under a line that begins with
//! [`HEADING`]:
//!
//! - `run`, and perhaps more arguments: runs the pipeline. Beneath are its exit code and messages.
//! - `residents_history`: the table after that run.
//! - `edit FILE`: the lines that begin with `-` are replaced by those that begin with `+`.
//! - anything else is a file, and what is in it.
//!
//! `WIGEON_BLESS=1` writes what the runs do instead of comparing.

use std::{
    env,
    path::{Path, PathBuf},
};

use fs_err as fs;
use wigeon_tests::{Project, workspace};

const HEADING: &str = "----- ";
const HISTORY: &str = "residents_history";
const MANIFEST: &str = "pipeline.toml";

/// Every text is what happens when it is played.
#[test]
fn histories_are_as_they_are_told() {
    let manifest = fs::read_to_string(directory().join(MANIFEST)).expect("the manifest");
    let bless = env::var_os("WIGEON_BLESS").is_some_and(|value| value == "1");
    let texts = texts();
    assert!(texts.len() > 20, "{texts:?}");
    let mut differences = String::new();
    for path in texts {
        let told = fs::read_to_string(&path).expect("a history");
        let played = play(&manifest, &told);
        if bless {
            fs::write(&path, played).expect("a history");
        } else if played != told {
            differences.push_str(&difference(&path, &told, &played));
        }
    }
    assert!(
        differences.is_empty(),
        "set WIGEON_BLESS=1 to refresh these texts:\n{differences}"
    );
}

fn directory() -> PathBuf {
    workspace().join("tests/pipelines/histories")
}

fn texts() -> Vec<PathBuf> {
    let files = fs::read_dir(directory()).expect("the histories");
    let mut texts: Vec<_> = files
        .map(|file| file.expect("a history").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    texts.sort();
    texts
}

/// Does what a text says, and tells it again with what came of it.
fn play(manifest: &str, text: &str) -> String {
    let project = Project::new(manifest);
    let (about, parts) = parts(text);
    let mut played = about;
    for (heading, contents) in parts {
        if heading == HISTORY {
            continue;
        }
        push(
            &mut played,
            heading,
            &contents_of(&project, heading, &contents),
        );
        if heading.split(' ').next() == Some("run") {
            push(&mut played, HISTORY, &history(&project));
        }
    }
    played
}

/// Returns what is before the first part, and the parts with their headings.
fn parts(text: &str) -> (String, Vec<(&str, String)>) {
    let mut about = String::new();
    let mut parts: Vec<(&str, String)> = vec![];
    for line in text.split_inclusive('\n') {
        match (line.strip_prefix(HEADING), parts.last_mut()) {
            (Some(heading), _) => parts.push((heading.trim_end(), String::new())),
            (None, Some((_, contents))) => contents.push_str(line),
            (None, None) => about.push_str(line),
        }
    }
    (about, parts)
}

fn push(text: &mut String, heading: &str, contents: &str) {
    text.push_str(HEADING);
    text.push_str(heading);
    text.push('\n');
    text.push_str(contents);
}

/// Does what one part says, and returns what is to be beneath its heading.
fn contents_of(project: &Project, heading: &str, contents: &str) -> String {
    let mut words = heading.split(' ');
    match words.next() {
        Some("run") => {
            let mut arguments = vec!["run", "--at", "2024-12-31"];
            arguments.extend(words);
            return run(project, &arguments);
        }
        Some("edit") => {
            assert_eq!(words.next(), Some(MANIFEST), "only the manifest is edited");
            project.edit_manifest(&marked(contents, "- "), &marked(contents, "+ "));
        }
        _ => project.write(heading, contents),
    }
    contents.to_owned()
}

/// Returns the lines with a mark, without it.
fn marked(contents: &str, mark: &str) -> String {
    let lines: Vec<_> = contents
        .lines()
        .filter_map(|line| line.strip_prefix(mark))
        .collect();
    lines.join("\n")
}

fn run(project: &Project, arguments: &[&str]) -> String {
    let ran = project.run(arguments);
    let code = ran.code.expect("a run ends by itself");
    let mut told = format!("exit code: {code}\n");
    for line in ran.stderr.lines() {
        told.push_str(&steady(line));
        told.push('\n');
    }
    told
}

/// Takes out what changes from run to run: how long a load took, and when something was loaded.
fn steady(line: &str) -> String {
    let line = match line.split_once(", in ") {
        Some((told, took)) if took.starts_with(|first: char| first.is_ascii_digit()) => told,
        _ => line,
    };
    match line.split_once(" UTC") {
        Some((before, after)) if before.len() > 19 => {
            let (before, _) = before.split_at(before.len() - 19);
            format!("{before}[TIME] UTC{after}")
        }
        _ => line.to_owned(),
    }
}

fn history(project: &Project) -> String {
    let query = format!("select * from {HISTORY} order by id, valid_from");
    let ran = project.run(&["sql", "--format", "csv", &query]);
    if ran.code == Some(0) {
        ran.stdout
    } else {
        "none\n".to_owned()
    }
}

/// Shows the first line that differs.
fn difference(path: &Path, told: &str, played: &str) -> String {
    let name = path.file_name().unwrap_or_default().display().to_string();
    let lines = told.lines().map(Some).chain([None]);
    let differing = lines
        .zip(played.lines().map(Some).chain([None]))
        .zip(1..)
        .find(|((told, played), _)| told != played);
    match differing {
        Some(((told, played), line)) => {
            format!("{name}, line {line}\n  told:   {told:?}\n  played: {played:?}\n")
        }
        None => format!("{name}: its line ends\n"),
    }
}
