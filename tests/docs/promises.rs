//! The tests that `SECURITY.md` names are there, and what `CONTRIBUTING.md` says of CI is so.
//!
//! A test is named as `FILE::TEST` in backticks, with the file as the repository has it. Each row
//! of a table of promises must name one at least.

use fs_err as fs;
use wigeon_tests::workspace;

/// The head of every table of promises.
const HEAD: &str = "| promise | tests |";

#[test]
fn every_test_that_security_names_is_there() {
    let page = fs::read_to_string(workspace().join("SECURITY.md")).expect("the page");
    let named = named_tests(&page);
    for (file, test) in &named {
        let source = fs::read_to_string(workspace().join(file));
        let source = source.unwrap_or_else(|error| panic!("`{file}::{test}`: {error}"));
        assert!(
            tests_of(&source).contains(test),
            "`{file}` has no test `{test}` that is run, which SECURITY.md names"
        );
    }
    assert!(named.len() > 100, "only {} tests were found", named.len());
}

#[test]
fn every_promise_of_security_has_a_test() {
    let page = fs::read_to_string(workspace().join("SECURITY.md")).expect("the page");
    let mut promises = 0;
    let mut lines = page.lines();
    while lines.any(|line| line == HEAD) {
        let rows = lines.by_ref().take_while(|line| line.starts_with('|'));
        for row in rows.skip(1) {
            promises += 1;
            assert!(!named_tests(row).is_empty(), "without a test: {row}");
        }
    }
    assert!(promises > 30, "only {promises} promises were found");
}

#[test]
fn what_ci_runs_is_what_contributing_says() {
    let script = fs::read_to_string(workspace().join(".ci/run")).expect("the script");
    let page = fs::read_to_string(workspace().join("CONTRIBUTING.md")).expect("the page");
    let (_, rest) = page
        .split_once("CI runs `.ci/run`: ")
        .expect("the page says what CI runs");
    let (said, _) = rest.split_once(". ").expect("a sentence ends");
    assert_eq!(spans(said).collect::<Vec<_>>(), recipes(&script));
}

#[test]
fn a_test_that_is_ignored_holds_no_promise() {
    let source = "#[test]\nfn run() {}\n#[test]\n#[ignore = \"slow\"]\nfn passed_over() {}\n\
                  #[ignore]\n#[test]\nfn passed_over_too() {}\n\
                  #[test]\n#[cfg_attr(windows, ignore)]\nfn somewhere() {}\nfn no_test() {}\n\
                  #[test]\nfn run_as_well() {}\n";
    assert_eq!(tests_of(source), ["run", "run_as_well"]);
}

/// Returns what stands in backticks.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Returns the tests that a text names, each as its file and its name.
fn named_tests(text: &str) -> Vec<(&str, &str)> {
    spans(text)
        .filter_map(|span| span.split_once("::"))
        .filter(|(file, _)| file.split('.').next_back() == Some("rs"))
        .collect()
}

/// Returns the names of the tests in a file, without those that are ignored.
fn tests_of(source: &str) -> Vec<&str> {
    let mut names = vec![];
    let (mut is_test, mut is_ignored) = (false, false);
    for line in source.lines().map(str::trim) {
        if line == "#[test]" {
            is_test = true;
        } else if line.starts_with("#[ignore") || line.starts_with("#[cfg_attr(") {
            is_ignored |= line.contains("ignore");
        } else if let Some(function) = line.strip_prefix("fn ") {
            let name = function.split('(').next().unwrap_or_default();
            if is_test && !is_ignored {
                names.push(name);
            }
            (is_test, is_ignored) = (false, false);
        }
    }
    names
}

/// Returns the recipes that a script runs, in its order.
fn recipes(script: &str) -> Vec<&str> {
    let mut recipes = vec![];
    let mut looped = vec![];
    for line in script.lines().map(str::trim) {
        if line.starts_with('#') {
            continue;
        }
        if let Some(list) = line.strip_prefix("for check in ") {
            let list = list.split(';').next().unwrap_or_default();
            looped = list.split_whitespace().collect();
        } else if let Some(command) = line.strip_prefix("./just ") {
            let recipe = command.split_whitespace().next().unwrap_or_default();
            if recipe == "\"$check\"" {
                recipes.append(&mut looped);
            } else {
                recipes.push(recipe);
            }
        }
    }
    recipes
}
