//! Wigeon's project directory: the flagship's manifest, with the bench's memory limit.

use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::error::BenchError;

/// What is changed in the manifest. Its guards and steps stay as they are.
const MEMORY_LIMIT: &str = "memory_limit_mib = ";

/// The line of the step that detects changes behind which its update mode is.
const TARGET: &str = "target = ";

/// That mode, where it is not the manifest's own.
const MERGE_ON_READ: &str = "update_mode = \"merge-on-read\"";

/// The database that the flagship's manifest names.
pub(crate) const DATABASE: &str = "pageviews_postcode.duckdb";

/// The directory of extracts that it names.
pub(crate) const EXTRACTS: &str = "extracts";

/// Writes the manifest into `directory`, and lets plugins be pinned anew.
pub(crate) fn write(directory: &Path, memory_limit_mib: u64) -> Result<(), BenchError> {
    let files = BenchError::Files;
    let manifest = fs::read_to_string(flagship().join("pipeline.toml")).map_err(files)?;
    let manifest = with_memory_limit(&manifest, memory_limit_mib)?;
    fs::create_dir_all(directory).map_err(files)?;
    fs::write(directory.join("pipeline.toml"), manifest).map_err(files)?;
    let lock = directory.join("wigeon.lock");
    if lock.exists() {
        fs::remove_file(lock).map_err(files)?;
    }
    Ok(())
}

/// Lets the changes of users be kept beside the rows, and folded in by no run, or as it is without such a setting.
pub(crate) fn merge_on_read(directory: &Path, merges: bool) -> Result<(), BenchError> {
    let path = directory.join("pipeline.toml");
    let manifest = fs::read_to_string(&path).map_err(BenchError::Files)?;
    fs::write(path, with_merge_on_read(&manifest, merges)?).map_err(BenchError::Files)
}

/// Returns the questions of the analysts that are asked, as paths of queries.
pub(crate) fn questions() -> Vec<PathBuf> {
    let about_then = ["then_by_month", "then_by_day"].map(question);
    [questions_about_now(), about_then.to_vec()].concat()
}

/// Returns those about the postcodes of now.
pub(crate) fn questions_about_now() -> Vec<PathBuf> {
    ["now_by_month", "now_by_day"].map(question).to_vec()
}

fn question(name: &str) -> PathBuf {
    flagship().join("queries").join(format!("{name}.sql"))
}

fn flagship() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines/pageviews_postcode")
}

fn with_memory_limit(manifest: &str, memory_limit_mib: u64) -> Result<String, BenchError> {
    let is_limit = |line: &&str| line.starts_with(MEMORY_LIMIT);
    if manifest.lines().filter(is_limit).count() != 1 {
        return Err(BenchError::Manifest(MEMORY_LIMIT));
    }
    let lines = manifest.lines().map(|line| {
        if is_limit(&line) {
            format!("{MEMORY_LIMIT}{memory_limit_mib}\n")
        } else {
            format!("{line}\n")
        }
    });
    Ok(lines.collect())
}

fn with_merge_on_read(manifest: &str, merges: bool) -> Result<String, BenchError> {
    let is_target = |line: &&str| line.starts_with(TARGET);
    if manifest.lines().filter(is_target).count() != 1 {
        return Err(BenchError::Manifest(TARGET));
    }
    let lines = manifest.lines().filter(|line| *line != MERGE_ON_READ);
    let lines = lines.map(|line| {
        if is_target(&line) && merges {
            format!("{line}\n{MERGE_ON_READ}\n")
        } else {
            format!("{line}\n")
        }
    });
    Ok(lines.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_limit_of_the_flagship_is_set_and_nothing_else() {
        let manifest = fs::read_to_string(flagship().join("pipeline.toml")).unwrap();
        let set = with_memory_limit(&manifest, 77).unwrap();
        assert!(set.contains("\nmemory_limit_mib = 77\n"));
        let changed = manifest.lines().zip(set.lines()).filter(|(a, b)| a != b);
        assert_eq!(changed.count(), 1);
        assert_eq!(manifest.lines().count(), set.lines().count());
    }

    #[test]
    fn update_mode_of_the_flagship_is_set_and_taken_back() {
        let manifest = fs::read_to_string(flagship().join("pipeline.toml")).unwrap();
        let merged = with_merge_on_read(&manifest, true).unwrap();
        assert!(
            merged.contains("\ntarget = \"pageviews_postcode\"\nupdate_mode = \"merge-on-read\"\n")
        );
        assert_eq!(with_merge_on_read(&merged, false).unwrap(), manifest);
    }

    #[test]
    fn manifest_without_a_memory_limit_is_refused() {
        assert!(matches!(
            with_memory_limit("[warehouse]\n", 77),
            Err(BenchError::Manifest(MEMORY_LIMIT))
        ));
    }
}
