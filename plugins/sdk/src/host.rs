//! What a plugin asks of the host, and how it answers.

use arrow_array::ArrayRef;

/// The row number that stands for no row: every column gathered there is null.
pub const NO_ROW: u32 = u32::MAX;

/// What the numbers of a [`Selection`] count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Rows of the batch of the current call.
    Current,
    /// The rows that the host keeps for the instance, in the order in which they were handed over.
    Kept,
}

/// Some rows of one origin, in any order, repeated or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    pub(crate) origin: Origin,
    pub(crate) rows: Vec<u32>,
}

impl Selection {
    /// Selects `rows` of `origin`; [`NO_ROW`] is none.
    pub fn new(origin: Origin, rows: Vec<u32>) -> Self {
        Self { origin, rows }
    }
}

/// One output column: the cheapest that serves is the best.
#[derive(Debug, Clone)]
pub enum Column {
    /// This column of the current batch, as it is.
    Forward(usize),
    /// Rows that the host has, by number: their values never cross the boundary.
    Gather {
        /// Which of the selections given to the same [`Host::emit`].
        selection: usize,
        /// Which column of the selection's origin.
        column: usize,
    },
    /// A new array.
    Values(ArrayRef),
}

impl Column {
    /// Returns a column gathered at the rows of selection number `selection`.
    pub fn gather(selection: usize, column: usize) -> Self {
        Self::Gather { selection, column }
    }
}

/// How much a line of the log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Of use to the plugin's author.
    Debug,
    /// Of use to the operator.
    Info,
    /// Something to look at; the result is right all the same.
    Warn,
}

/// What stands behind a [`Host`]: the imports of the component, or [`crate::native`].
pub(crate) trait Calls {
    fn emit(&mut self, rows: usize, selections: Vec<Selection>, columns: Vec<Column>);
    fn differ(
        &mut self,
        left: Selection,
        left_columns: &[usize],
        right: Selection,
        right_columns: &[usize],
    ) -> Vec<bool>;
    fn log(&mut self, level: Level, message: &str);
}

/// The host, for the time of one call.
pub struct Host<'a> {
    calls: &'a mut dyn Calls,
}

impl<'a> Host<'a> {
    pub(crate) fn new(calls: &'a mut dyn Calls) -> Self {
        Self { calls }
    }

    /// Hands `rows` rows to the host: one of `columns` for each field of the output schema.
    ///
    /// A column that breaks the contract (another length or type, a row number out of range) ends
    /// the plugin; there is no error to handle.
    pub fn emit(&mut self, rows: usize, selections: Vec<Selection>, columns: Vec<Column>) {
        self.calls.emit(rows, selections, columns);
    }

    /// Says for each pair of rows whether any of the columns holds different values, whatever
    /// their types. Two nulls are the same. No value crosses the boundary.
    pub fn differ(
        &mut self,
        left: Selection,
        left_columns: &[usize],
        right: Selection,
        right_columns: &[usize],
    ) -> Vec<bool> {
        self.calls.differ(left, left_columns, right, right_columns)
    }

    /// Writes one line to the run's log.
    pub fn log(&mut self, level: Level, message: &str) {
        self.calls.log(level, message);
    }
}

impl std::fmt::Debug for Host<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}
