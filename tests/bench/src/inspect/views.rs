//! How long questions take of views that decide for each row, by its key, what to show: those with the least to do.
//!
//! They look nothing up: which rows are of a moved user, one of 128, is told by seven bits of the id, and what they
//! show for it is what is there. A view that applies changes does all of this, and more.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    open,
    questions::{Answer, QuestionError, ask_both},
};

/// The views of `{table}`, and what they are called.
const VIEWS: [(&str, &str); 2] = [
    (
        "a view that chooses by the key",
        "SELECT * REPLACE (CASE WHEN (user_id & 127) = 5 THEN current_postcode || '' ELSE current_postcode END \
         AS current_postcode) FROM {table}",
    ),
    (
        "a view that unites two parts by the key",
        "SELECT * FROM {table} WHERE (user_id & 127) <> 5 UNION ALL \
         SELECT * FROM {table} WHERE (user_id & 127) = 5",
    ),
];

/// What the questions took of a view.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ViewAnswers {
    /// What the view is called.
    pub view: String,
    /// The times of the view in the place of Wigeon's, those of the table in that of the expert's.
    pub answers: Vec<Answer>,
}

/// Asks each question of the table `pageviews_postcode` of a database, and of views of it, in turn.
///
/// # Errors
///
/// As [`super::ask`].
pub fn ask_views(
    database: &Path,
    questions: &[PathBuf],
    runs: u32,
    memory_limit_mib: u64,
) -> Result<Vec<ViewAnswers>, QuestionError> {
    let table = open(database, memory_limit_mib)?;
    let catalog: String = table.query_row("SELECT current_database()", [], |row| row.get(0))?;
    let name_of_table = format!("\"{catalog}\".main.pageviews_postcode");
    let mut found = vec![];
    for (name, view) in VIEWS {
        let view = view.replace("{table}", &name_of_table);
        // A temporary view comes before the table, but for its own connection only.
        let viewed = table.try_clone()?;
        viewed.execute_batch(&format!("CREATE TEMP VIEW pageviews_postcode AS {view}"))?;
        found.push(ViewAnswers {
            view: name.to_owned(),
            answers: ask_both(&viewed, &table, questions, runs)?,
        });
    }
    Ok(found)
}
