//! The agreement of components on how values cross, broken by what the guest passes, and by the
//! functions with which it gives the host room (`cabi_realloc`) and frees what it returned
//! (`cabi_post_…`); and memories of other kinds than most guests have.

use wigeon_runtime::Kind::Transform;

use crate::{
    components::{LOG, OUTPUT, at_start, calling_at_start, calling_with},
    support::{
        Case,
        Failure::{self, CallTime, Exports, Memory, NotAComponent, Trapped},
        Guest,
    },
};

/// A selection whose origin there is not.
const NO_ORIGIN: &str = r"\09\00\00\00\00\00\00\00\00\00\00\00";

/// A selection whose one row is at an odd address.
const ODD_ROWS: &str = r"\00\00\00\00\21\00\00\00\01\00\00\00";

/// A column in none of the three ways.
const NO_WAY: &str = r"\07";

fn bytes(name: &'static str, bytes: Vec<u8>, expected: Failure, words: &'static str) -> Case {
    Case::new(name, Guest::Bytes(bytes), expected, words)
}

/// Emits one row at start-up, with a list of selections and one of columns: an address and a length
/// each.
fn emitting(
    name: &'static str,
    data: &str,
    selections: [u32; 2],
    columns: [u32; 2],
    words: &'static str,
) -> Case {
    let [[selections, selected], [columns, count]] = [selections, columns];
    let arguments = [1, selections, selected, columns, count];
    let component = calling_with(
        "wigeon:plugin/output@0.1.0",
        OUTPUT,
        "emit",
        &arguments,
        data,
    );
    bytes(name, component, Trapped, words)
}

#[rustfmt::skip] // One line for each case.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        // What is passed.
        bytes("a level of the log that there is not", calling_at_start("log", LOG, "log", &[7, 0, 1]), Trapped, "`instantiate`|unexpected discriminant: 7"),
        emitting("an origin that there is not", NO_ORIGIN, [0, 1], [0, 0], "unexpected discriminant: 9"),
        emitting("a column in no way", NO_WAY, [0, 0], [0, 1], "unexpected discriminant: 7"),
        emitting("selections at an odd address", "", [1, 1], [0, 0], "list pointer is not aligned"),
        emitting("columns at an odd address", "", [0, 0], [2, 1], "list pointer is not aligned"),
        emitting("rows of a selection at an odd address", ODD_ROWS, [0, 1], [0, 0], "list pointer is not aligned"),
        emitting("more selections than there is memory", "", [0, 0x7fff_ffff], [0, 0], "out of bounds"),
        // Room for what the host hands over.
        Case::told("spinning when asked for room", Transform, "rows: give spin read 0", CallTime, "0.5 s for one call|`rows`"),
        Case::told("trapping when asked for room", Transform, "rows: give trap read 0", Trapped, "`rows`|panicked or aborted"),
        Case::told("emitting when asked for room", Transform, "rows: give emit read 0", Trapped, "cannot leave component instance"),
        Case::told("giving room beyond its memory", Transform, "rows: give beyond read 0", Trapped, "realloc return: beyond end of memory"),
        Case::told("giving room at an odd address", Transform, "rows: give misaligned read 0", Trapped, "realloc return: result not aligned"),
        // Freeing what it returned: an answer that is told otherwise.
        Case::told("answering at length", Transform, "rows: answer data a*4242", Failure::Answered, "aaaa"),
        Case::told("spinning after its answer", Transform, "rows: free spin; rows: answer data a*4242", CallTime, "0.5 s for one call|`rows`"),
        Case::told("trapping after its answer", Transform, "rows: free trap; rows: answer data a*4242", Trapped, "`rows`|panicked or aborted"),
        Case::told("emitting after its answer", Transform, "rows: free emit; rows: answer data a*4242", Trapped, "cannot leave component instance"),
        // Memories.
        bytes("a memory of 64 bits", at_start("(memory i64 1)"), Exports, "transform plugin|open"),
        bytes("a memory of 64 bits that is larger than may be", at_start("(memory i64 20000)"), Memory, "MiB of memory"),
        bytes("a memory of 64 bits that grows by 256 TiB", at_start("(memory i64 1) (func $start (if (i64.eq (memory.grow (i64.const 0x100000000)) (i64.const -1)) (then unreachable))) (start $start)"), Memory, "MiB of memory").or(Trapped, "panicked or aborted"),
        bytes("a load beyond 4 GiB", at_start("(memory i64 1) (func $start (drop (i64.load (i64.const 0x100000000)))) (start $start)"), Trapped, "out of bounds memory access"),
        bytes("a shared memory", at_start("(memory 1 1 shared)"), NotAComponent, "not a valid WebAssembly component|shared"),
    ]
}
