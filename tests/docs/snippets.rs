//! Code in `docs/plugins` is quoted from files that CI compiles or runs.
//!
//! A fenced block of code behind a comment `<!-- quoted: FILE#REGION -->` is the part of the file
//! between the lines that say `region: REGION` and `endregion: REGION`, less its indentation;
//! without `#REGION` it is the whole file.

use fs_err as fs;
use wigeon_tests::workspace;

use crate::assert_current;

/// Blocks in these languages must be quoted. What is typed into a terminal is not.
const QUOTED: [&str; 6] = ["rust", "c", "toml", "csv", "python", "js"];

#[test]
fn code_in_the_documentation_is_quoted_from_files_that_are_compiled() {
    let directory = workspace().join("docs/plugins");
    let mut quotes = 0;
    for entry in fs::read_dir(directory).expect("the documentation for plugin authors") {
        let path = entry.expect("a file").path();
        if path.extension().is_some_and(|extension| extension == "md") {
            let page = fs::read_to_string(&path).expect("a page");
            let refreshed = refreshed(&page, &mut quotes);
            let refreshed = refreshed.unwrap_or_else(|why| panic!("{}: {why}", path.display()));
            assert_current(&path, refreshed.as_bytes());
        }
    }
    assert!(quotes > 10, "only {quotes} quotes were found");
}

/// Returns a page with every quote as its file has it now.
fn refreshed(page: &str, quotes: &mut usize) -> Result<String, String> {
    let mut refreshed = String::new();
    let mut before = "";
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        refreshed.push_str(line);
        refreshed.push('\n');
        if let Some(language) = line.strip_prefix("```") {
            let block: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            let quoted = before.strip_prefix("<!-- quoted: ");
            if let Some(source) = quoted.and_then(|source| source.strip_suffix(" -->")) {
                *quotes += 1;
                refreshed.push_str(&quote(source)?);
            } else if QUOTED.contains(&language) {
                return Err(format!(
                    "a block of {language} is not quoted:\n{}",
                    block.join("\n")
                ));
            } else {
                for line in block {
                    refreshed.push_str(line);
                    refreshed.push('\n');
                }
            }
            refreshed.push_str("```\n");
        }
        before = line;
    }
    Ok(refreshed)
}

/// Returns a file of the repository, or a region of it.
fn quote(source: &str) -> Result<String, String> {
    let (file, region) = source.split_once('#').unwrap_or((source, ""));
    let text = fs::read_to_string(workspace().join(file)).map_err(|error| error.to_string())?;
    let lines: Vec<_> = if region.is_empty() {
        text.lines().collect()
    } else {
        let marks =
            |line: &str, mark: &str| line.trim_end().ends_with(&format!("{mark}: {region}"));
        let within = text
            .lines()
            .skip_while(|line| !marks(line, " region"))
            .skip(1);
        within
            .take_while(|line| !marks(line, " endregion"))
            .collect()
    };
    let lines = lines
        .into_iter()
        .filter(|line| !line.contains(" region: ") && !line.contains(" endregion: "));
    let lines: Vec<_> = lines.collect();
    if lines.is_empty() {
        return Err(format!("`{file}` has no region `{region}`"));
    }
    let indentation = lines
        .iter()
        .filter(|line| !line.is_empty())
        .map(|line| line.len() - line.trim_start().len())
        .min();
    let cut = indentation.unwrap_or(0);
    let quoted = lines.iter().map(|line| line.get(cut..).unwrap_or(""));
    Ok(quoted.fold(String::new(), |text, line| text + line + "\n"))
}
