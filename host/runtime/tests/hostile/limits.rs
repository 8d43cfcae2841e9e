//! Guests that use more time, memory, output or log than they may, in each of their calls.

use wigeon_runtime::Kind::{ChangeDetection, Incremental, Snapshot, Transform};

use crate::{
    components::at_start,
    support::{
        Case,
        Failure::{self, CallTime, Memory, OutputBytes, OutputRows, SentBytes, Trapped},
        Guest,
    },
};

/// What is said of more rows than a batch can have.
const AT_ONCE: &str = "it emitted 4294967295 rows at once|2147483647 at most";

#[rustfmt::skip] // One line for each case.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        // Time, in each call of each kind.
        Case::told("spinning in a transform's open", Transform, "open: spin", CallTime, "0.5 s for one call|`open`"),
        Case::told("spinning in schema", Transform, "schema: spin", CallTime, "`schema`"),
        Case::told("spinning in a transform's rows", Transform, "rows: spin", CallTime, "`rows`"),
        Case::told("spinning in a snapshot's open", Snapshot, "open: spin", CallTime, "`open`"),
        Case::told("spinning in versions", Snapshot, "versions: spin", CallTime, "`versions`"),
        Case::told("spinning in extract", Snapshot, "extract: spin", CallTime, "`extract`"),
        Case::told("spinning in a snapshot's finish", Snapshot, "finish: spin", CallTime, "`finish`"),
        Case::told("spinning in an incremental's open", Incremental, "open: spin", CallTime, "`open`"),
        Case::told("spinning in shape", Incremental, "shape: spin", CallTime, "`shape`"),
        Case::told("spinning in lookup", Incremental, "lookup: spin", CallTime, "`lookup`"),
        Case::told("spinning in an incremental's rows", Incremental, "rows: spin", CallTime, "`rows`"),
        Case::told("spinning in an incremental's finish", Incremental, "finish: spin", CallTime, "`finish`"),
        Case::told("spinning in change detection's open", ChangeDetection, "open: spin", CallTime, "`open`"),
        Case::told("spinning in applied", ChangeDetection, "applied: spin", CallTime, "`applied`"),
        Case::told("spinning in now", ChangeDetection, "now: spin", CallTime, "`now`"),
        Case::told("spinning in change detection's finish", ChangeDetection, "finish: spin", CallTime, "`finish`"),
        Case::told("reading without end", Transform, "rows: forever read 1", CallTime, "`rows`"),
        Case::told("comparing without end", Snapshot, "extract: forever differ kept=0*9999 1 current=0*9999 1", CallTime, "`extract`"),
        // The stack, of which a guest in Rust has two: that of WebAssembly, and one in its memory.
        Case::told("recursing without end", Transform, "rows: recurse", Trapped, "out of bounds"),
        Case::told("recursing without end in open", Snapshot, "open: recurse", Trapped, "out of bounds"),
        // Memory.
        Case::told("hoarding in steps", Transform, "rows: hoard", Memory, "64 MiB of memory"),
        Case::told("hoarding in open", Incremental, "open: hoard", Memory, "64 MiB of memory"),
        Case::told("hoarding in finish", ChangeDetection, "finish: hoard", Memory, "64 MiB of memory"),
        Case::told("hoarding at once", Transform, "rows: grow 60000", Memory, "64 MiB of memory"),
        Case::told("growing a page at a time", Snapshot, "extract: forever grow 1", Memory, "64 MiB of memory"),
        Case::told("asking for too much and coping", Transform, "rows: ask-for 60000; rows: emit n rest", Failure::None, ""),
        Case::told("lying after a refusal", Transform, "rows: ask-for 60000; rows: emit n", Failure::Breach, "0 columns were emitted"),
        Case::told("reading beyond its memory", Transform, "rows: touch 4294901760", Trapped, "out of bounds"),
        Case::told("panicking", Transform, "rows: panic", Trapped, "panicked"),
        // Output.
        Case::told("emitting without end", Transform, "rows: forever emit n rest", OutputRows, "1000000 rows of output|`rows`").or(OutputBytes, "32 MiB of output|`rows`").or(CallTime, "0.5 s for one call|`rows`"),
        Case::told("emitting no rows without end", Transform, "rows: forever emit 0 current= gather:0/0 gather:0/1 gather:0/2", OutputBytes, "32 MiB of output|`rows`").or(CallTime, "0.5 s for one call|`rows`"),
        Case::told("emitting many rows without end", Transform, "schema: promise x=n?; rows: forever emit 100000 values:100000/100000:none", OutputRows, "rows of output"),
        Case::told("emitting without end in finish", ChangeDetection, "finish: forever emit 0 kept= gather:0/0 gather:0/1 gather:0/2 gather:0/3 gather:0/3", OutputBytes, "32 MiB of output|`finish`").or(CallTime, "0.5 s for one call|`finish`"),
        Case::told("2,000,000 rows of nothing", Transform, "schema: promise x=n?; rows: emit 2000000 values:2000000/2000000:none", OutputRows, "1000000 rows of output"),
        Case::told("2^32 - 1 rows of no column", Transform, "schema: promise; rows: emit 4294967295", Failure::Breach, AT_ONCE),
        Case::told("2^32 - 1 rows of no width", Transform, "schema: promise x=w:0; rows: emit 4294967295 values:4294967295/0:,", Failure::Breach, AT_ONCE),
        Case::told("2^32 - 1 rows with few bytes", Transform, "schema: promise x=l; rows: emit 4294967295 values:4294967295/0:,00*8", Failure::Breach, AT_ONCE),
        Case::told("gathering a row 900,000 times, in 64 columns", Transform, wide(), OutputBytes, "32 MiB of output"),
        // What may cross.
        Case::told("a buffer many times over", Transform, "schema: promise x=l; rows: emit-overlapping 8 33554432", SentBytes, "128 MiB of data for the host at once"),
        Case::told("a buffer many times over after a refusal", Transform, "rows: ask-for 60000; rows: emit-overlapping 8 33554432", SentBytes, "128 MiB"),
        Case::told("a buffer beyond its memory", Transform, "schema: promise x=l; rows: emit-beyond-memory", Trapped, "out of bounds"),
        // The log: what is too much is dropped, which is no failure.
        Case::told("a line that is too long", Transform, "rows: log a*30000000", Failure::None, ""),
        Case::told("10,000 lines", Transform, "rows: times 10000 log a", Failure::None, ""),
        Case::told("lines with escape sequences", Transform, "rows: log %1b[2J%0d%0aerror:%20no", Failure::None, ""),
        Case::told("lines without end", Transform, "rows: forever log a", CallTime, "`rows`"),
        Case::told("long lines without end", Transform, "rows: forever log a*10000000", CallTime, "`rows`"),
        Case::told("a line that is no UTF-8", Transform, "rows: log-not-utf8", Trapped, "utf-8"),
        // Before there is a step.
        Case::new("emitting in describe", Guest::Describing("emit 0"), Failure::Breach, "`describe`|nothing may be emitted here"),
        Case::new("panicking in describe", Guest::Describing("panic"), Trapped, "`describe`|panicked"),
        Case::new("recursing in describe", Guest::Describing("recurse"), Trapped, "out of bounds"),
        Case::new("using a batch in describe", Guest::Describing("use-handle 1"), Trapped, "handle"),
        Case::new("10,000 lines in describe", Guest::Describing("times 10000 log a"), Failure::None, ""),
        Case::new("an endless summary", Guest::Describing("summary a*30000000"), Failure::None, ""),
    ]
}

/// Cases that last as long as loading may.
pub(crate) fn cases_at_loading() -> Vec<Case> {
    let spin = at_start("(func $start (loop (br 0))) (start $start)");
    vec![
        Case::new(
            "spinning in describe",
            Guest::Describing("spin"),
            CallTime,
            "`describe`",
        ),
        Case::new(
            "spinning at start-up",
            Guest::Bytes(spin),
            CallTime,
            "`instantiate`",
        ),
        Case::new(
            "hoarding in describe",
            Guest::Describing("hoard"),
            Memory,
            "1024 MiB of memory|`describe`",
        )
        .or(CallTime, "5 s for one call|`describe`"),
    ]
}

/// Promises 64 columns and gathers each from the same row.
fn wide() -> String {
    let promised: Vec<_> = (0..64).map(|n| format!("c{n}=l")).collect();
    // Another selection for each: what is gathered twice from one place is made once.
    let selections = ["current=0*100000"; 9].join(" ");
    let columns: Vec<_> = (0..64).map(|n| format!("gather:{}/0", n % 9)).collect();
    let (promised, columns) = (promised.join(" "), columns.join(" "));
    format!("schema: promise {promised}; rows: times 9 emit 100000 {selections} {columns}")
}
