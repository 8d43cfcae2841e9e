//! Hints for what is wrong with the data of a step.

use wigeon_engine::DataError;

use super::{Advice, Kind};

/// Returns what to do about it, in a step.
pub(super) fn advice(step: &str, error: &DataError) -> Advice {
    let hint = match error {
        DataError::NoFiles { .. } => {
            "put the extracts there, or correct `path` of the source; a file whose name has a later time than the run is not seen"
        }
        DataError::ChangedFile { .. } => {
            "restore the file as it was, and bring corrections as a new file"
        }
        DataError::NoTime { .. } => {
            "rename the file, move it away, or make `path` of the source match fewer files"
        }
        DataError::SameTime { .. } => "keep the right one, and move the other away",
        DataError::OlderExtract { .. } => {
            "move it away, or set `late_extracts = \"insert\"` for the step, which puts it between its neighbours"
        }
        DataError::NullWatermark { .. } => {
            "give every row a value there, choose another `watermark`, or read a `query` that leaves these rows out"
        }
        DataError::NullKey { .. } => "correct the extract: every row needs its key",
        DataError::DuplicateKey { .. } => {
            "correct the extract: a full extract has one row for each key"
        }
        DataError::Guard { breaches, .. } => {
            let keys: Vec<_> = breaches
                .iter()
                .map(|breach| format!("`{}`", breach.key()))
                .collect();
            return Advice::new(Kind::Data)
                .hint("replace the extract if it is incomplete or wrong")
                .hint(format!(
                    "if it is right, let it pass once with `wigeon run --accept {step}`, or for good by other values of {} under `[step.guard]`",
                    keys.join(" and ")
                ));
        }
        DataError::NoColumn { .. } => {
            return Advice::new(Kind::Manifest).hint("name one of these columns in the manifest");
        }
        DataError::ReservedColumn { .. } => {
            return Advice::new(Kind::Manifest)
                .hint("leave the column out of `columns` of the step, or rename it in a transform; a plugin that adds it must call it something else");
        }
        DataError::KeyType { .. } => {
            return Advice::new(Kind::Manifest).hint("declare one type for both in the manifest");
        }
        DataError::NotUpdatable { .. } => {
            return Advice::new(Kind::Manifest)
                .hint("correct the step or its target in the manifest");
        }
    };
    Advice::new(Kind::Data).hint(hint)
}
