//! The points of a run at which tests stop or kill it.

/// A point of a run between two effects: what was done before it is there, or as good as not, and
/// what comes after it has not begun.
///
/// The engine only says that it has come to one ([`crate::Observer::reached`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Point {
    /// The run lock is taken, and the lock file says by whom.
    Locked,
    /// The warehouse is open, and made if there was none.
    Opened,
    /// The plugins are loaded; `wigeon.lock` is as it was.
    Resolved,
    /// `wigeon.lock` pins the plugins.
    Pinned,
    /// What is new to a step is known, and nothing of it was read.
    Started,
    /// The digests of the files of a load are taken, and their rows were not read.
    Digested,
    /// The transaction of a load has begun, and nothing was written.
    Begun,
    /// A lane has emitted rows, which are on their way into a table or a stage.
    Emitting,
    /// All that a plugin has to say of a load is in a stage.
    Staged,
    /// The rows of a load are written, and the ledger does not know.
    Written,
    /// All of a transaction is written, and it is about to be committed.
    Committing,
    /// A transaction is committed; it is in the write-ahead log only.
    Committed,
    /// A part of an overlay is folded in, and the next one is not.
    Folding,
    /// All of an overlay is folded in, and it is still there.
    Folded,
    /// All steps are done, and the warehouse is about to be checkpointed.
    Checkpointing,
    /// The warehouse is checkpointed, and the run lock is still held.
    Checkpointed,
}

impl Point {
    /// All points, in the order in which a run comes to them.
    pub const ALL: [Self; 16] = [
        Self::Locked,
        Self::Opened,
        Self::Resolved,
        Self::Pinned,
        Self::Started,
        Self::Digested,
        Self::Begun,
        Self::Emitting,
        Self::Staged,
        Self::Written,
        Self::Committing,
        Self::Committed,
        Self::Folding,
        Self::Folded,
        Self::Checkpointing,
        Self::Checkpointed,
    ];

    /// Returns its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Locked => "locked",
            Self::Opened => "opened",
            Self::Resolved => "resolved",
            Self::Pinned => "pinned",
            Self::Started => "started",
            Self::Digested => "digested",
            Self::Begun => "begun",
            Self::Emitting => "emitting",
            Self::Staged => "staged",
            Self::Written => "written",
            Self::Committing => "committing",
            Self::Committed => "committed",
            Self::Folding => "folding",
            Self::Folded => "folded",
            Self::Checkpointing => "checkpointing",
            Self::Checkpointed => "checkpointed",
        }
    }
}
