//! Rows that cannot be put together: forwards and gathers of what is not there, emitting where
//! nothing may be emitted, reading and comparing what does not exist, and lost rows.

use wigeon_runtime::Kind::{self, ChangeDetection, Incremental, Snapshot, Transform};

use crate::support::{Case, Failure};

fn breach(name: &'static str, kind: Kind, orders: &'static str, words: &'static str) -> Case {
    Case::told(name, kind, orders, Failure::Breach, words)
}

#[rustfmt::skip] // One line for each case.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        // Columns.
        breach("no columns", Transform, "rows: emit n", "0 columns were emitted where the schema has 3"),
        breach("a column too few", Transform, "rows: emit n forward:0 forward:1", "2 columns were emitted"),
        breach("a column too many", Transform, "rows: emit n rest forward:0", "4 columns were emitted"),
        breach("an array too many", Transform, "rows: emit n rest values:n/0:,00*8n", "columns were emitted where the schema has 3"),
        // Forwards.
        breach("a forward beyond the columns", Transform, "rows: emit n forward:99 forward:1 forward:2", "`forward` names column 99, but there are 3"),
        breach("a forward of the last number", Transform, "rows: emit n forward:4294967295 forward:1 forward:2", "names column 4294967295"),
        breach("a forward of another type", Transform, "rows: emit n forward:1 forward:1 forward:2", "column `id` is Utf8, but the schema says Int64"),
        breach("a forward of nulls", Transform, "schema: promise text=u; rows: emit n forward:1", "column `text`|null"),
        breach("a forward of more rows than announced", Transform, "rows: emit 3 rest", "column `id` has 4 rows where 3 were announced"),
        breach("a forward of fewer rows than announced", Transform, "rows: emit 5 rest", "has 4 rows where 5 were announced"),
        breach("a forward without a batch", Incremental, "finish: emit n forward:0 forward:1 forward:2", "there is no current batch"),
        // Gathers.
        breach("a row beyond the batch", Transform, "rows: emit 1 current=4 gather:0/0 gather:0/1 gather:0/2", "row 4 of 4"),
        breach("a row far beyond the batch", Transform, "rows: emit 1 current=4294967294 gather:0/0 gather:0/1 gather:0/2", "row 4294967294 of 4"),
        breach("a kept row where none is kept", Transform, "rows: emit 1 kept=0 gather:0/0 gather:0/1 gather:0/2", "row 0 of 0"),
        breach("a row beyond the kept ones", Incremental, "rows: emit 1 kept=4 gather:0/0 gather:0/1 gather:0/2", "row 4 of 4"),
        breach("rows of the batch where there is none", Incremental, "finish: emit 1 current=0 gather:0/0 gather:0/1 gather:0/2", "there is no current batch"),
        breach("a snapshot's row beyond the kept ones", Snapshot, "finish: emit 1 kept=9 values:1/0:,02 gather:0/0 gather:0/1 gather:0/2", "row 9 of 4"),
        breach("a version beyond those then and now", ChangeDetection, "finish: emit 1 kept=8 gather:0/0 gather:0/1 gather:0/2 gather:0/3 gather:0/3", "row 8 of 8"),
        breach("a selection that was not given", Transform, "rows: emit 4 current=0,1,2,3 gather:1/0 gather:0/1 gather:0/2", "gathers from selection 1, but there are 1"),
        breach("a gathered column beyond the batch", Transform, "rows: emit 1 current=0 gather:0/9 gather:0/1 gather:0/2", "a selection names column 9, but there are 3"),
        breach("a gathered column beyond the kept ones", Incremental, "rows: emit 1 kept=0 gather:0/4 gather:0/1 gather:0/2", "a selection names column 4, but there are 4"),
        breach("fewer numbers than rows", Transform, "rows: emit 4 current=0 gather:0/0 gather:0/1 gather:0/2", "has 1 rows where 4 were announced"),
        breach("a gather of another type", Transform, "rows: emit 1 current=0 gather:0/1 gather:0/1 gather:0/2", "column `id` is Utf8"),
        breach("no row where no null may be", Transform, "rows: emit 1 current=none gather:0/0 gather:0/1 gather:0/2", "column `id`|null"),
        breach("a change that is text", Snapshot, "extract: emit n forward:1 forward:0 forward:1 forward:2", "column `change` is Utf8, but the schema says Int8"),
        // Where nothing may be emitted. There is no case of emitting after `finish`: it is the last
        // call of an instance, which is then dropped without running the destructor of its step.
        breach("emitting in open", Transform, "open: emit 0", "`open`|nothing may be emitted here"),
        breach("emitting in schema", Transform, "schema: emit 0", "`schema`|nothing may be emitted here"),
        breach("emitting in shape", Incremental, "shape: emit 0", "nothing may be emitted here"),
        breach("emitting in versions", Snapshot, "versions: emit 0", "`versions`|nothing may be emitted here"),
        breach("emitting in lookup", Incremental, "lookup: emit n rest", "`lookup`|nothing may be emitted here"),
        breach("emitting in applied", ChangeDetection, "applied: emit 0", "`applied`|nothing may be emitted here"),
        breach("emitting in now", ChangeDetection, "now: emit 0", "`now`|nothing may be emitted here"),
        // Reading and comparing.
        breach("reading a column beyond the batch", Transform, "rows: read 3", "it read column 3 of a batch that has 3"),
        breach("reading the last number", Incremental, "lookup: read 4294967295", "it read column 4294967295"),
        breach("comparing rows of uneven number", Transform, "rows: differ current=0,1 0 current=0 0", "lengths 2 and 1"),
        breach("comparing columns of uneven number", Transform, "rows: differ current=0 0,1 current=0 0", "lengths 2 and 1"),
        breach("comparing other types", Transform, "rows: differ current=0 0 current=0 1", "`differ`"),
        breach("comparing columns that are not there", Transform, "rows: differ current=0 7 current=0 7", "column 7"),
        breach("comparing rows that are not there", Snapshot, "extract: differ kept=4 0 current=0 0", "row 4 of 4"),
        breach("comparing a batch where there is none", ChangeDetection, "finish: differ current=0 0 kept=0 0", "there is no current batch"),
        // The law of incremental steps; those that need the whole table are in `tests/errors`.
        breach("losing a row of the batch", Incremental, "rows: emit 3 current=0,1,2 gather:0/0 gather:0/1 gather:0/2", "it was given 4 rows and emitted 3"),
        breach("losing all rows of the batch", Incremental, "rows: nothing", "it was given 4 rows and emitted 0"),
        breach("adding rows to the batch", Incremental, "rows: times 2 emit n rest", "it was given 4 rows and emitted 8"),
        breach("losing rows on the whole", Incremental, "shape: not-row-wise; rows: nothing", "`finish`|it was given 4 rows and emitted 0"),
        breach("adding a row at the end", Incremental, "finish: emit 1 kept=0 gather:0/0 gather:0/1 gather:0/2", "it was given 4 rows and emitted 5"),
    ]
}
