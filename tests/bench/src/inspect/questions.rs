//! The questions of the analysts, asked of both databases in turn.

use std::{
    io,
    path::{Path, PathBuf},
    time::Instant,
};

use duckdb::{Connection, types::Value};
use fs_err as fs;
use serde::{Deserialize, Serialize};

use super::open;

/// How long a question took, on both sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The name of the question's file, without its end.
    pub question: String,
    /// Seconds of wall-clock time, in the order asked.
    pub wigeon: Vec<f64>,
    /// The same of the expert.
    pub expert: Vec<f64>,
    /// Whether both gave the same rows in the same order.
    pub same: bool,
}

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum QuestionError {
    /// The file of the question cannot be read.
    #[error("could not read the question")]
    Read(#[source] io::Error),

    /// DuckDB refuses.
    #[error("the database refused")]
    Database(#[from] duckdb::Error),
}

/// Asks each question of both databases, once to warm up and then `runs` times in turn.
///
/// Both are open for reading with the same memory limit, and all rows of the answers are fetched.
///
/// # Errors
///
/// - [`QuestionError::Read`] if a question cannot be read.
/// - [`QuestionError::Database`] if DuckDB refuses.
pub fn ask(
    wigeon: &Path,
    expert: &Path,
    questions: &[PathBuf],
    runs: u32,
    memory_limit_mib: u64,
) -> Result<Vec<Answer>, QuestionError> {
    let wigeon = open(wigeon, memory_limit_mib)?;
    let expert = open(expert, memory_limit_mib)?;
    ask_both(&wigeon, &expert, questions, runs)
}

/// Asks each question of both connections, once to warm up and then `runs` times in turn.
pub(super) fn ask_both(
    wigeon: &Connection,
    expert: &Connection,
    questions: &[PathBuf],
    runs: u32,
) -> Result<Vec<Answer>, QuestionError> {
    let mut answers = vec![];
    for question in questions {
        let query = fs::read_to_string(question).map_err(QuestionError::Read)?;
        let name = question.file_stem().unwrap_or_default();
        let mut answer = Answer {
            question: name.to_string_lossy().into_owned(),
            wigeon: vec![],
            expert: vec![],
            same: rows(wigeon, &query)? == rows(expert, &query)?,
        };
        for _ in 0..runs {
            answer.wigeon.push(seconds(wigeon, &query)?);
            answer.expert.push(seconds(expert, &query)?);
        }
        answers.push(answer);
    }
    Ok(answers)
}

fn seconds(connection: &Connection, query: &str) -> duckdb::Result<f64> {
    let start = Instant::now();
    rows(connection, query)?;
    Ok(start.elapsed().as_secs_f64())
}

fn rows(connection: &Connection, query: &str) -> duckdb::Result<Vec<[Value; 3]>> {
    let mut statement = connection.prepare(query)?;
    let rows = statement.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))?;
    rows.collect()
}
