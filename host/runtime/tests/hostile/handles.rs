//! Handles of resources that the guest does not have, has no more, or keeps too long.

use wigeon_runtime::Kind::{ChangeDetection, Incremental, Snapshot, Transform};

use crate::support::{
    Case,
    Failure::{self, Trapped},
};

#[rustfmt::skip] // One line for each case.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::told("keeping a batch", Transform, "rows: keep-batch", Trapped, "borrow handles still remain"),
        Case::told("keeping a batch of versions", Snapshot, "versions: keep-batch", Trapped, "borrow handles still remain"),
        Case::told("dropping a batch twice", Transform, "rows: drop-batch-twice", Trapped, "unknown handle"),
        Case::told("using a batch that it dropped", Transform, "rows: use-dropped-batch", Trapped, "unknown handle"),
        // Its rows are the host's, and stay what they are until the call returns.
        Case::told("forwarding of a batch that it dropped", Transform, "rows: drop-batch; rows: emit 4 rest", Failure::None, ""),
        Case::told("gathering from a batch that it dropped", Transform, "rows: drop-batch; rows: emit 1 current=3 gather:0/0 gather:0/1 gather:0/2", Failure::None, ""),
        Case::told("gathering beyond a batch that it dropped", Transform, "rows: drop-batch; rows: emit 1 current=4 gather:0/0 gather:0/1 gather:0/2", Failure::Breach, "row 4 of 4"),
        Case::told("using a batch that never was", Transform, "rows: use-handle 99", Trapped, "unknown handle"),
        Case::told("using a batch before there is one", Transform, "open: use-handle 1", Trapped, "handle"),
        Case::told("using a batch of an earlier call", ChangeDetection, "finish: use-handle 1", Trapped, "handle"),
        Case::told("using the lookup after it was lent", Incremental, "finish: use-handle 2", Trapped, "handle"),
        Case::told("using a step as a batch", Transform, "handle: use-step-as-batch", Trapped, "wrong type"),
        Case::told("returning a step that it dropped", Transform, "handle: return-dropped-step", Trapped, "unknown handle"),
        Case::told("leaking 200,000 steps", Transform, "handle: leak-steps 200000", Failure::Handles, "its 100000 handles at once"),
    ]
}
