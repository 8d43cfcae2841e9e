//! The members of newline-delimited JSON: whether a file has those that are declared.
//!
//! Members are matched by exact name, a missing one is null. One that no line has is an error: it
//! was renamed or left out. To find that out costs no second reading of a file in which it is as it
//! should be. The text is searched for the names on the way of taking the digest, and only where one
//! was not found, as it may be written with escapes, the lines are taken apart. A name that is that
//! of an inner member only is taken for found.

use std::collections::{BTreeMap, BTreeSet};

use arrow_schema::Field;
use memchr::{memchr, memmem};
use serde::de::IgnoredAny;

use crate::{
    csv_record::{Records, Windows},
    error::ReadError,
    files::FileIdentity,
    schema_difference::SchemaDifference,
    source::{FileSource, SourceFormat},
};

/// As many lines are looked at for the members that are shown beside the declared ones.
const SHOWN_LINES: usize = 100;

/// As much of the text behind a name is looked at for its colon.
const ROOM: usize = 16;

/// Looks for the names of declared members in the text of a file, piece by piece.
#[derive(Debug)]
pub(crate) struct MemberScan {
    /// The names that were not found yet, each with its text.
    wanted: Vec<(String, Vec<u8>)>,
    /// As much of the end of the last piece is kept: a name may be cut in two.
    kept: usize,
    end: Vec<u8>,
    has_objects: bool,
}

impl MemberScan {
    /// Looks for the declared columns of a source, if its format has members.
    pub(crate) fn new(source: &FileSource) -> Self {
        let wanted: Vec<_> = match source.format {
            SourceFormat::Ndjson => source.columns.iter().map(Field::name).collect(),
            SourceFormat::Csv { .. } | SourceFormat::Parquet => Vec::new(),
        };
        let wanted: Vec<_> = wanted
            .into_iter()
            .map(|name| (name.clone(), format!("\"{name}\"").into_bytes()))
            .collect();
        let longest = wanted.iter().map(|(_, text)| text.len()).max();
        Self {
            wanted,
            kept: longest.unwrap_or_default() + ROOM,
            end: Vec::new(),
            has_objects: false,
        }
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        if self.wanted.is_empty() {
            return;
        }
        self.has_objects |= memchr(b'{', bytes).is_some();
        let mut text = std::mem::take(&mut self.end);
        text.extend_from_slice(bytes);
        self.wanted.retain(|(_, name)| {
            !memmem::find_iter(&text, name).any(|at| is_before_colon(&text[at + name.len()..]))
        });
        text.drain(..text.len().saturating_sub(self.kept));
        self.end = text;
    }

    /// Returns the names that were not found; none if there are no objects either.
    pub(crate) fn finish(self) -> Vec<String> {
        if !self.has_objects {
            return Vec::new();
        }
        self.wanted.into_iter().map(|(name, _)| name).collect()
    }
}

fn is_before_colon(text: &[u8]) -> bool {
    text.trim_ascii_start().first() == Some(&b':')
}

/// Checks that each declared member is in some line of a file, if there are others: it may have got
/// another name. Where there are none, nulls have been left out.
pub(crate) fn check_members(file: &FileIdentity, source: &FileSource) -> Result<(), ReadError> {
    let mut missing = file.unseen_members(source)?;
    if missing.is_empty() {
        return Ok(());
    }
    let (mut shown, mut lines) = (BTreeSet::new(), 0);
    let mut windows = Windows::new(file.open()?, Records::Lines);
    while let Some(window) = windows.next().map_err(|error| file.read_error(error))? {
        for record in window.records(Records::Lines) {
            // A line that is no object is told when the rows are read.
            #[expect(clippy::zero_sized_map_values, reason = "a set is no object to serde")]
            let names =
                serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(&window.bytes[record.range]);
            let Ok(names) = names else {
                continue;
            };
            missing.retain(|name| !names.contains_key(name));
            if missing.is_empty() {
                return Ok(());
            }
            if lines < SHOWN_LINES {
                shown.extend(names.into_keys());
                lines += 1;
            }
        }
    }
    let is_declared = |name: &String| source.columns.iter().any(|column| column.name() == name);
    if shown.iter().all(is_declared) {
        return Ok(());
    }
    let declared = source.columns.iter().map(Field::name);
    let mut found: Vec<_> = declared
        .filter(|name| !missing.contains(name))
        .cloned()
        .collect();
    for name in shown {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    let found: Vec<_> = found.into_iter().map(|name| (name, None)).collect();
    Err(ReadError::Columns {
        path: file.path.clone(),
        difference: SchemaDifference::new(&source.columns, &found, |_, _| true),
        missing,
        extra: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use arrow_schema::DataType;

    use super::*;

    fn unseen(text: &str, piece: usize) -> Vec<String> {
        let field = |name: &str| Field::new(name, DataType::Utf8, true);
        let mut scan = MemberScan::new(&FileSource {
            format: SourceFormat::Ndjson,
            columns: vec![field("id"), field("full name")],
            ignore_extra_columns: false,
            accept_missing_line_end: false,
        });
        for piece in text.as_bytes().chunks(piece) {
            scan.add(piece);
        }
        scan.finish()
    }

    #[test]
    fn names_are_found_wherever_the_text_is_cut() {
        let text = "{\"id\":1,\"name\":\"id\"}\n{\"id\":2,\"full name\" : \"x\"}\n";
        for piece in 1..text.len() {
            assert_eq!(unseen(text, piece), [""; 0], "{piece}");
        }
    }

    #[test]
    fn values_are_no_names() {
        let text = "{\"name\":\"id\",\"more\":\"\\\"id\\\":\"}\n";
        assert_eq!(unseen(text, 100), ["id", "full name"]);
        assert_eq!(unseen("{}\n", 100), ["id", "full name"]);
        assert_eq!(unseen("\n\n", 100), [""; 0]);
    }
}
