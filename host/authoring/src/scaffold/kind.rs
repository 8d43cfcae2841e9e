//! What a plugin of each kind does, whatever it is written in: its first case, and a step that uses
//! it.

use wigeon_runtime::Kind;

use super::template::{File, file};

/// What differs from one kind to the next.
#[derive(Debug)]
pub(super) struct KindTemplate {
    /// One sentence.
    pub(super) summary: &'static str,
    /// A step that uses the plugin.
    pub(super) step: File,
    /// The files of the first case.
    pub(super) case: &'static [File],
}

/// The files of a kind's first case, by name.
macro_rules! case {
    ($kind:literal: $($file:literal),*) => {
        &[$(file!(concat!("tests/cases/first/", $file), $kind, "/case/", $file)),*]
    };
}

/// Returns the template of a kind.
pub(super) fn of(kind: Kind) -> KindTemplate {
    match kind {
        Kind::Transform => KindTemplate {
            summary: "Keeps the rows that have one value in one column",
            step: file!("", "transform/step.toml"),
            case: case!("transform": "case.toml", "rows.csv", "expected.txt"),
        },
        Kind::Snapshot => KindTemplate {
            summary: "Finds the changes between the open versions and a full extract",
            step: file!("", "snapshot/step.toml"),
            case: case!("snapshot": "case.toml", "versions.csv", "extract.csv", "expected.txt"),
        },
        Kind::Incremental => KindTemplate {
            summary: "Adds columns of the latest version of each row's key",
            step: file!("", "incremental/step.toml"),
            case: case!("incremental": "case.toml", "lookup.csv", "rows.csv", "expected.txt"),
        },
        Kind::ChangeDetection => KindTemplate {
            summary: "Finds the keys whose versions are no longer those last applied",
            step: file!("", "change-detection/step.toml"),
            case: case!("change-detection": "case.toml", "before.csv", "now.csv", "expected.txt"),
        },
    }
}
