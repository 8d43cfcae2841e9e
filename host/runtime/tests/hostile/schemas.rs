//! Schemas that cannot be used, and texts that a terminal would obey.

use wigeon_runtime::Kind::{Incremental, Transform};

use crate::support::{Case, Failure, Guest, describing, load};

fn promise(name: &'static str, fields: impl AsRef<str>, words: &'static str) -> Case {
    let orders = format!("schema: promise {}", fields.as_ref());
    Case::told(name, Transform, orders, Failure::Breach, words)
}

#[rustfmt::skip] // One line for each case.
pub(crate) fn cases() -> Vec<Case> {
    let many: Vec<_> = (0..4_097).map(|n| format!("c{n}=l")).collect();
    let deep: Vec<_> = (0..16).map(|n| format!("s{n}=+s/1")).collect();
    vec![
        // Names.
        promise("two columns of one name", "x=l x=u", "two fields are named `x`"),
        promise("two columns that differ in case", "x=l X=u", "`X`"),
        promise("a name that is empty", "=l", "a name of 0 bytes"),
        promise("a name that is too long", "a*257=l", "a name of 257 bytes"),
        promise("a name of a mebibyte", "a*1048576=l", "a name of 1048576 bytes"),
        promise("a name with a NUL", "x%00y=l", "schema cannot be used"),
        promise("a name with an escape sequence", "%1b[2Jx=l", "schema cannot be used"),
        promise("an item's name with a NUL", "x=+l/1 i%00m=l", "schema cannot be used"),
        // A name is quoted wherever it becomes SQL: `tests/errors` loads one.
        Case::told("a name that is SQL", Transform, "schema: promise x%22%20int)%3bdrop%20table%20t%3b--=l; rows: emit n forward:0", Failure::None, ""),
        // Types.
        promise("a format that is no type", "x=??", "which is not a type"),
        promise("a format that is empty", "x=", "which is not a type"),
        promise("a format with a NUL", "x=l%00", "schema cannot be used"),
        promise("a format with an escape sequence", "x=%1b[2J", "schema cannot be used"),
        promise("a format of a mebibyte", "x=l*1048576", "schema cannot be used"),
        promise("a fixed size below 0", "x=w:-1", "schema cannot be used"),
        promise("a fixed size beyond all numbers", "x=w:99999999999999999999", "which is not a type"),
        promise("a time zone with an escape sequence", "x=tsu:%1b[2J", "schema cannot be used"),
        promise("a decimal of 99 digits", "x=d:99,0", "which is not a type"),
        promise("a view", "x=vu", "schema cannot be used"),
        promise("a map", "x=+m/1 entries=+s/2 key=u value=u", "which is not a type"),
        promise("a union", "x=+ud:0,1/2 p=l q=u", "which is not a type"),
        promise("run-end encoding", "x=+r/2 ends=i values=u", "which is not a type"),
        // Trees.
        promise("children that do not follow", "x=+l/1", "1 more should follow"),
        promise("2^32 - 1 children", "x=+s/4294967295", "more should follow"),
        promise("children of a plain type", "x=l/1 y=l", "which is not a type"),
        promise("a list of two", "x=+l/2 p=l q=l", "which is not a type"),
        promise("a list of nothing", "x=+l", "which is not a type"),
        promise("4,097 columns", many.join(" "), "may have 4096 fields"),
        promise("17 deep", format!("{} x=l", deep.join(" ")), "nested 16 deep"),
        // What a shape says beside the schema.
        Case::told("an event time that is not there", Incremental, "shape: event-time 3", Failure::Breach, "column 3 cannot be the event time"),
        Case::told("an event time that is text", Incremental, "shape: event-time 1", Failure::Breach, "column 1 cannot be the event time"),
        Case::told("an event time that is the key", Incremental, "shape: event-time 0", Failure::Breach, "column 0 cannot be the event time"),
        Case::told("an event time of rows in no order", Incremental, "shape: event-time 2; shape: not-row-wise", Failure::Breach, "column 2 cannot be the event time"),
        Case::told("a shape with twins", Incremental, "shape: promise x=l x=l", Failure::Breach, "two fields are named `x`"),
        // Texts.
        Case::told("an answer with escape sequences", Transform, "rows: answer data %1b[31mno%0d%0a%07", Failure::Answered, "\\u{1b}[31mno"),
        Case::told("an answer that turns the text around", Transform, "open: answer options x%e2%80%aey", Failure::Answered, "says"),
        Case::told("an answer of a mebibyte", Transform, "rows: answer other a*1048576", Failure::Answered, "…"),
        Case::new("a description with escape sequences", Guest::Describing("summary %1b[2J%07"), Failure::None, ""),
        Case::new("options that are no JSON", Guest::Describing("options %1b[2J{{{"), Failure::None, ""),
    ]
}

#[test]
fn a_description_says_nothing_that_a_terminal_obeys() {
    for order in ["name %1b[2J", "version %07", "summary %0d%0a%1b[31m"] {
        let plugin = load(&describing(order)).expect("it is well-formed");
        let description = plugin.description();
        let texts = [
            &description.name,
            &description.version,
            &description.summary,
        ];
        let obeyed = texts.iter().any(|text| text.contains(char::is_control));
        assert!(!obeyed, "{description:?}");
    }
}
