//! Every way to lie about an array: the transform promises one column `x`, is given four rows
//! (`n`), and emits what is written here.
//!
//! Buffers cannot be misaligned: each crosses as a list of its own and is copied.

use wigeon_runtime::Kind;

use crate::support::{Case, Failure};

fn array(name: &'static str, fields: &str, values: &str, words: &'static str) -> Case {
    emitted(name, fields, "n", values, words)
}

fn emitted(
    name: &'static str,
    fields: &str,
    rows: &str,
    values: &str,
    words: &'static str,
) -> Case {
    let orders = format!("schema: promise {fields}; rows: emit {rows} values:{values}");
    Case::told(name, Kind::Transform, orders, Failure::Breach, words)
}

#[rustfmt::skip] // One line for each case.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        // Lengths and counts.
        array("a row too few", "x=l", "3/0:,00*24", "`x` has 3 rows where 4 are due"),
        array("a row too many", "x=l", "5/0:,00*40", "`x` has 5 rows where 4 are due"),
        array("a length of 2^32 - 1", "x=l", "4294967295/0:,00*8", "`x` has 4294967295 rows"),
        array("no node", "x=l", ":,00*32", "0 nodes"),
        array("a node too many", "x=l", "4/0,4/0:,00*32", "2 nodes"),
        array("no buffer", "x=l", "4/0:none", "0 buffers"),
        array("a buffer too few", "x=l", "4/0:", "1 buffers"),
        array("a buffer too many", "x=l", "4/0:,00*32,00", "3 buffers"),
        array("buffers for the null type", "x=n?", "4/4:00", "1 buffers"),
        array("text for numbers", "x=l", "4/0:,00*20,", "3 buffers"),
        array("numbers for text", "x=u", "4/0:,00*32", "2 buffers"),
        // Buffers that are too short.
        array("values a byte too short", "x=l", "4/0:,00*31", "values of `x` take 32 bytes, but the buffer has 31"),
        array("no values", "x=l", "4/0:,", "values of `x` take 32 bytes, but the buffer has 0"),
        emitted("bits too short", "x=b", "20", "20/0:,00*2", "values of `x` take 3 bytes"),
        emitted("validity too short", "x=l?", "20", "20/12:00,00*160", "validity bits of `x` take 3 bytes"),
        array("decimals as integers", "x=d:38,2", "4/0:,00*32", "values of `x` take 64 bytes"),
        array("binary of 2 GiB a row", "x=w:2147483647", "4/0:,00", "take 8589934588 bytes"),
        // Nulls.
        array("nulls without a bitmap", "x=l?", "4/4:,00*32", "says that it has 4 nulls, but has 0"),
        array("more nulls than in the bitmap", "x=l?", "4/2:0f,00*32", "says that it has 2 nulls, but has 0"),
        array("fewer nulls than in the bitmap", "x=l?", "4/0:00,00*32", "says that it has 0 nulls, but has 4"),
        array("2^32 - 1 nulls", "x=l?", "4/4294967295:00,00*32", "4294967295 nulls"),
        array("nulls where none may be", "x=l", "4/4:00,00*32", "schema allows none"),
        // Offsets. Four rows of text have five.
        array("offsets too short", "x=u", "4/0:,00*16,", "offsets of `x` take 20 bytes"),
        array("offsets that run backwards", "x=u", "4/0:,0000000002000000010000000200000002000000,6162", "`x` is not a valid array"),
        array("a negative offset", "x=u", "4/0:,00000000ffffffff000000000000000000000000,", "`x` is not a valid array"),
        array("an offset beyond the data", "x=u", "4/0:,0000000000000000000000000000000063000000,61", "`x` is not a valid array"),
        array("a first offset beyond the data", "x=z", "4/0:,ffffff7f*5,61", "`x` is not a valid array"),
        array("large offsets of 2^63 - 1", "x=U", "4/0:,ffffffffffffff7f*5,61", "`x` is not a valid array"),
        array("a large negative offset", "x=Z", "4/0:,ffffffffffffffff*5,61", "`x` is not a valid array"),
        array("large offsets as small ones", "x=U", "4/0:,00*20,", "offsets of `x` take 40 bytes"),
        // Text.
        array("text that is no UTF-8", "x=u", "4/0:,0000000001000000010000000100000001000000,ff", "`x` is not a valid array"),
        array("a letter cut between rows", "x=u", "4/0:,0000000001000000020000000200000002000000,c3a9", "`x` is not a valid array"),
        array("a surrogate", "x=u", "4/0:,0000000003000000030000000300000003000000,eda080", "`x` is not a valid array"),
        // Text by its numbers in a dictionary, as Arrow may hold it elsewhere.
        array("numbers of a dictionary", "x=u", "4/0:,00000000010000000000000001000000", "2 buffers"),
        array("numbers of a dictionary as offsets", "x=u", "4/0:,00000000010000000000000001000000,6162", "offsets of `x` take 20 bytes"),
        array("numbers and their dictionary", "x=u", "4/0,2/0:,00000000010000000000000001000000,,000000000100000002000000,6162", "2 nodes"),
        // Nested types.
        array("a list beyond its items", "x=+l/1 item=l", "4/0,2/0:,0000000001000000020000000200000063000000,,00*16", "`x` is not a valid array"),
        array("a list that runs backwards", "x=+l/1 item=l", "4/0,2/0:,0000000002000000010000000200000002000000,,00*16", "`x` is not a valid array"),
        array("a large list of 2^63 - 1", "x=+L/1 item=l", "4/0,1/0:,ffffffffffffff7f*5,,00*8", "`x` is not a valid array"),
        array("a list without its items", "x=+l/1 item=l", "4/0:,00*20", "1 nodes"),
        array("items that are too short", "x=+l/1 item=l", "4/0,2/0:,0000000001000000020000000200000002000000,,00*8", "values of `x.item` take 16 bytes"),
        array("2^32 - 1 items", "x=+l/1 item=l", "4/0,4294967295/0:,00*20,,00", "values of `x.item` take"),
        array("items that are no UTF-8", "x=+l/1 item=u", "4/0,1/0:,0000000001000000010000000100000001000000,,0000000001000000,ff", "`x.item` is not a valid array"),
        array("an item too few for a fixed size", "x=+w:3/1 item=l", "4/0,11/0:,,00*88", "`x.item` has 11 rows where 12 are due"),
        array("a fixed size of 2^31 - 1", "x=+w:2147483647/1 item=l", "4/0,0/0:,,", "`x.item` has 0 rows where 8589934588 are due"),
        array("fixed sizes that overflow", "x=+w:2147483647/1 y=+w:2147483647/1 z=+w:2147483647/1 item=l", "4/0,0/0,0/0,0/0:,,,,", "`x.y` has 0 rows"),
        array("a struct's field a row short", "x=+s/2 p=l q=l", "4/0,4/0,3/0:,,00*32,,00*24", "`x.q` has 3 rows where 4 are due"),
        array("a null in a struct's field", "x=+s/1 p=l", "4/0,4/4:,00,00*32", "`x.p` has 4 nulls, but its schema allows none"),
        array("a struct without its fields", "x=+s/2 p=l q=l", "4/0,4/0:,,00*32", "2 nodes"),
    ]
}
