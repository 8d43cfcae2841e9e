//! Hints for reading inputs and for the warehouse.

use wigeon_warehouse::{
    CheckpointError, LawError, LoadError, LockError, OpenError, ReadBackError, ReadError,
};

use super::{Advice, INTERRUPTED_HINT, ISSUES, Kind, bug_hint};
use crate::words::list;

/// What may be wrong when DuckDB refuses to go on for want of room.
///
/// DuckDB's own advice names settings that are not those of the manifest.
const ROOM: &str = "if the disk or the memory is full, make room, or change `memory_limit_mib` or `temp_directory` under `[warehouse]`: beyond that memory DuckDB writes into that directory, beside the warehouse unless it is set";

/// Returns what to do about a run lock that cannot be taken.
pub(super) fn run_lock(error: &LockError) -> Advice {
    match error {
        LockError::Busy { .. } => Advice::new(Kind::Busy)
            .hint("wait until that run has ended; what is due by then is caught up by the next one"),
        LockError::Unusable { .. } => Advice::new(Kind::Warehouse).hint(
            "check that the directory of the warehouse exists and that you may write to it: the lock file is beside the warehouse",
        ),
    }
}

/// Returns what to do about a warehouse that cannot be opened.
pub(super) fn open(error: &OpenError) -> Advice {
    Advice::new(Kind::Warehouse).hint(match error {
        OpenError::Held { .. } => {
            "close the program that has it open, or wait for it: one process may write, or many may read"
        }
        OpenError::Missing { .. } => {
            "the first `wigeon run` makes the warehouse, in a directory that exists"
        }
        OpenError::NotAWarehouse { .. } => {
            "correct `path` under `[warehouse]`; a DuckDB file becomes a warehouse with its first `wigeon run`"
        }
        OpenError::Newer { .. } => "use the wigeon that wrote it, or a newer one",
        OpenError::Unreadable { .. } => {
            "check that you may read and write the file and its directory"
        }
        OpenError::Database { .. } => {
            "check the settings under `[warehouse]`, that the disk has room and may be written to, and that DuckDB itself can open the file"
        }
    })
}

/// Returns what to do about an input that cannot be read.
pub(super) fn read(error: &ReadError) -> Advice {
    let hint = match error {
        ReadError::Vanished { .. } => {
            "put the file there and run again, or correct `path` of the source"
        }
        ReadError::Empty { .. } | ReadError::NotParquet { .. } => {
            "replace the file if it is incomplete, or correct `format` and `path` of the source"
        }
        ReadError::NoTable { known, .. } => {
            return Advice::new(Kind::Data).hint(if known.is_empty() {
                "correct `path` or `table` of the source: the database has no tables".to_owned()
            } else {
                format!(
                    "correct `table` of the source: the database has {}",
                    list(known)
                )
            });
        }
        ReadError::Changed { .. } => {
            "run again when the file is complete; write extracts under another name, and rename them when they are"
        }
        ReadError::Unreadable { .. } => "check that you may read the file and its directory",
        ReadError::MissingLineEnd { .. } => {
            "transfer the file once more if it is incomplete; if its last line is whole, end it with a line feed, or set `missing_line_end = \"accept\"` for the source"
        }
        ReadError::Truncated { .. } => "transfer the file once more, and run again",
        ReadError::Pattern { .. } => {
            return Advice::new(Kind::Manifest).hint("correct `path` of the source");
        }
        ReadError::Delimiter { .. } => {
            return Advice::new(Kind::Manifest).hint("correct `delimiter` of the source");
        }
        ReadError::Columns { missing, .. } if missing.is_empty() => {
            "declare the new columns of the source, or set `extra_columns = \"ignore\"` for it; if the file is wrong, correct it"
        }
        ReadError::Columns { .. } => {
            "correct the file, or the columns that the manifest declares for the source"
        }
        ReadError::Type { .. } => {
            "declare the type that is found for this column of the source, or correct the file"
        }
        ReadError::Malformed { count, .. } if *count > 1 => {
            "correct the lines, or allow more malformed rows with `max_rejected_rows`: they go to quarantine then"
        }
        ReadError::Malformed { .. } => {
            "correct the line, or allow malformed rows with `max_rejected_rows`: they go to quarantine then"
        }
        ReadError::Lossy { .. } => {
            "correct the file, or declare a type that keeps the value: a decimal or `float64` for fractions, `timestamp_tz` for times with a zone, `timestamp` for dates with a time, `utf8` for what is finer than a microsecond"
        }
        ReadError::LossyRow { .. } => {
            "write the file with times in microseconds: what is finer cannot be kept"
        }
        ReadError::NotUtf8Name { .. } => {
            "rename the file, or move it away: the ledger knows files by their names, as text"
        }
        ReadError::Held { .. } => {
            "close the program that has it open, or wait for it: one process may write, or many may read"
        }
        ReadError::NotADatabase { .. } => "correct `path` of the source",
        ReadError::Query { .. } | ReadError::NotAQuery { .. } => "correct `query` of the source",
        ReadError::UnsupportedType { .. } => {
            "leave the column out, or cast it to another type in the `query` of the source"
        }
        ReadError::Schema(_) => "compare the columns that the manifest declares with the input",
        ReadError::Interrupted => return interrupted(),
        ReadError::Database(_) => ROOM,
    };
    Advice::new(Kind::Data).hint(hint)
}

/// Returns what to do about a warehouse, or a query on it, that cannot be read.
pub(super) fn read_warehouse(error: &ReadError) -> Advice {
    match error {
        ReadError::Interrupted => interrupted(),
        ReadError::UnsupportedType { .. } => {
            Advice::new(Kind::Data).hint("cast the column to another type in the query")
        }
        ReadError::Vanished { .. }
        | ReadError::Empty { .. }
        | ReadError::NotParquet { .. }
        | ReadError::NoTable { .. }
        | ReadError::Query { .. }
        | ReadError::NotAQuery { .. }
        | ReadError::Changed { .. }
        | ReadError::Unreadable { .. }
        | ReadError::MissingLineEnd { .. }
        | ReadError::Truncated { .. }
        | ReadError::Pattern { .. }
        | ReadError::Delimiter { .. }
        | ReadError::Columns { .. }
        | ReadError::Type { .. }
        | ReadError::Malformed { .. }
        | ReadError::Lossy { .. }
        | ReadError::LossyRow { .. }
        | ReadError::NotUtf8Name { .. }
        | ReadError::Held { .. }
        | ReadError::NotADatabase { .. }
        | ReadError::Schema(_) => Advice::new(Kind::Data),
        // What is wrong with a query of the user's is told by `CommandError::of_query`.
        ReadError::Database(_) => Advice::new(Kind::Data).hint(ROOM),
    }
}

/// Returns what to do about a result that cannot be stored.
pub(super) fn load(error: &LoadError) -> Advice {
    match error {
        // The causes say it: a plugin, an input.
        LoadError::Reader(_) => Advice::new(Kind::Data),
        LoadError::Columns { .. } | LoadError::Type { .. } => Advice::new(Kind::Data).hint(
            "the step has changed since its table was made: change it back, or give it a new name, so that a new table is filled",
        ),
        LoadError::UnsupportedType { .. } => Advice::new(Kind::Data)
            .hint("leave the column out of `columns` of the step, or use a plugin that casts it"),
        // The engine folds such an overlay in first.
        LoadError::Overlay { .. } => Advice::new(Kind::Internal),
        LoadError::Law(law) => broken_law(law),
        LoadError::Inconsistent(_) => Advice::new(Kind::Internal).hint(format!(
            "this is a fault of wigeon's, or the file was changed by something else: if nothing else writes to it, please report it at {ISSUES}, with what `--verbose` prints"
        )),
        LoadError::Interrupted => interrupted(),
        LoadError::Database(_) => Advice::new(Kind::Data).hint(ROOM),
    }
}

/// Returns what to do about a warehouse whose log could not be written into it.
pub(super) fn checkpoint(error: &CheckpointError) -> Advice {
    Advice::new(Kind::Data).hint(format!(
        "nothing is lost as long as `{}` stays where it is: make room on the disk, and run again",
        error.log.display()
    ))
}

/// Returns what to do about a warehouse that does not hold what was committed to it.
pub(super) fn read_back(error: &ReadBackError) -> Advice {
    let advice = Advice::new(Kind::Warehouse).hint(
        "check the disk, and that nothing else writes to the file; then restore the warehouse from a backup, or fill a new one from the extracts",
    );
    match error {
        ReadBackError::Differs(_) => advice.hint(format!(
            "if neither is at fault, please report it at {ISSUES}, with what `--verbose` prints"
        )),
        ReadBackError::Database(_) => advice,
    }
}

fn broken_law(law: &LawError) -> Advice {
    match law {
        LawError::SeveralOpen { .. } => Advice::new(Kind::Data).hint(
            "the history was changed by something other than wigeon: restore the warehouse from a backup, or fill a new one from the extracts",
        ),
        LawError::NotAfter { .. } => Advice::new(Kind::Data).hint(
            "move the extract away, or set `late_extracts = \"insert\"` for the step, which puts it between its neighbours",
        ),
        LawError::NotBetween { .. } | LawError::LateIgnored { .. } => Advice::new(Kind::Data)
            .hint("move the extract away, or fill a new warehouse from all extracts in their order"),
        LawError::NotEmpty { .. }
        | LawError::Rowids { .. }
        // Of these the engine blames the plugin, by `EngineError::BrokeLaw`.
        | LawError::DuplicateKey { .. }
        | LawError::NullKey { .. }
        | LawError::NotHandedOver { .. }
        | LawError::UnknownChange { .. }
        | LawError::AlreadyOpen { .. }
        | LawError::NotOpen { .. } => Advice::new(Kind::Internal).hint(bug_hint()),
    }
}

fn interrupted() -> Advice {
    Advice::new(Kind::Interrupted).hint(INTERRUPTED_HINT)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use wigeon_engine::EngineError;
    use wigeon_warehouse::Inconsistency;

    use super::*;
    use crate::{command_error::CommandError, exit};

    fn rows() -> Inconsistency {
        Inconsistency::Rows {
            table: "page_views".to_owned(),
            expected: 10,
            found: 9,
        }
    }

    fn text(error: &CommandError) -> String {
        let text = error.to_text(false, false, false);
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn what_would_not_be_consistent_is_a_fault_of_ours() {
        let error = CommandError::from(EngineError::Load {
            step: "page_views".to_owned(),
            source: LoadError::Inconsistent(rows()),
        });
        assert_eq!(error.exit_code(), exit::INTERNAL);
        let text = text(&error);
        assert!(text.contains("nothing of the load was written"), "{text}");
        assert_snapshot!(text);
    }

    #[test]
    fn what_cannot_be_read_back_is_a_fault_of_the_warehouse() {
        let error = CommandError::from(EngineError::ReadBack(ReadBackError::Differs(rows())));
        assert_eq!(error.exit_code(), exit::WAREHOUSE);
        let text = text(&error);
        assert!(text.contains("does not hold what was committed"), "{text}");
        assert_snapshot!(text);
    }
}
