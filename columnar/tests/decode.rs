//! What a plugin sends is a valid array or a named error, and never a panic.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot make its arrays has failed"
)]

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, FixedSizeBinaryArray, FixedSizeListArray,
    Int64Array, LargeBinaryArray, LargeListArray, ListArray, NullArray, StringArray, StructArray,
    types::{Int16Type, Int32Type},
};
use arrow_buffer::Buffer;
use arrow_schema::{DataType, Field};
use proptest::{collection::vec, prelude::*, sample::Index};
use wigeon_columnar::{DecodeError, Node, decode, encode};

/// Five rows of each layout there is, with nulls.
fn samples() -> Vec<ArrayRef> {
    let texts = StringArray::from(vec![Some("a"), None, Some("größer"), Some(""), Some("b")]);
    let flags = BooleanArray::from(vec![true, false, true, true, false]);
    let lists = [
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
        Some(vec![Some(2), Some(3), Some(4)]),
        Some(vec![Some(5)]),
    ];
    let pairs = [
        Some(vec![Some(1), Some(2)]),
        None,
        Some(vec![None, Some(3)]),
        Some(vec![Some(4), Some(5)]),
        Some(vec![Some(6), Some(7)]),
    ];
    let sixteen = [Some([1_u8; 16]), None, Some([2; 16]), Some([3; 16]), None];
    let nested: Vec<(Arc<Field>, ArrayRef)> = vec![
        (
            Arc::new(Field::new("flag", DataType::Boolean, false)),
            Arc::new(flags.clone()),
        ),
        (
            Arc::new(Field::new("text", DataType::Utf8, true)),
            Arc::new(texts.clone()),
        ),
    ];
    vec![
        Arc::new(Int64Array::from(vec![
            Some(1),
            None,
            Some(i64::MIN),
            Some(0),
            None,
        ])),
        Arc::new(flags),
        Arc::new(texts),
        Arc::new(LargeBinaryArray::from(vec![
            Some(b"a".as_slice()),
            Some(b"\0\xff".as_slice()),
            None,
            Some(b"".as_slice()),
            Some(b"b".as_slice()),
        ])),
        Arc::new(Decimal128Array::from(vec![
            Some(1),
            None,
            Some(-5),
            Some(0),
            Some(9),
        ])),
        Arc::new(
            FixedSizeBinaryArray::try_from_sparse_iter_with_size(sixteen.into_iter(), 16).unwrap(),
        ),
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(
            lists.clone(),
        )),
        Arc::new(LargeListArray::from_iter_primitive::<Int32Type, _, _>(
            lists,
        )),
        Arc::new(FixedSizeListArray::from_iter_primitive::<Int16Type, _, _>(
            pairs, 2,
        )),
        Arc::new(StructArray::from(nested)),
        Arc::new(NullArray::new(5)),
    ]
}

/// What crosses, and what the host holds it against.
#[derive(Debug, Clone)]
struct Sent {
    field: Field,
    rows: usize,
    nodes: Vec<Node>,
    buffers: Vec<Buffer>,
}

impl Sent {
    fn new(array: &ArrayRef) -> Self {
        let encoded = encode(array).unwrap();
        Self {
            field: Field::new("a", array.data_type().clone(), true),
            rows: array.len(),
            nodes: encoded.nodes,
            buffers: encoded.buffers,
        }
    }

    fn decode(&self) -> Result<ArrayRef, DecodeError> {
        decode(&self.field, self.rows, &self.nodes, self.buffers.clone())
    }

    fn edit(&mut self, buffer: usize, edit: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.buffers[buffer].to_vec();
        edit(&mut bytes);
        self.buffers[buffer] = Buffer::from(bytes);
    }
}

/// A lie about an array.
#[derive(Debug, Clone)]
enum Lie {
    Flip(Index, Index, u8),
    Word(Index, Index, u32),
    Cut(Index, Index),
    Append(Index, Vec<u8>),
    Misalign(Index),
    SwapBuffers(Index, Index),
    DropBuffer(Index),
    RepeatBuffer(Index),
    Length(Index, u32),
    NullCount(Index, u32),
    DropNode(Index),
    RepeatNode(Index),
    Rows(u32),
    NotNull,
}

/// Numbers that are nearly right, and numbers that overflow.
fn number() -> impl Strategy<Value = u32> {
    prop_oneof![
        0..8_u32,
        Just(u32::MAX),
        Just(1 << 31),
        Just((1 << 31) - 1),
        any::<u32>(),
    ]
}

fn lie() -> impl Strategy<Value = Lie> {
    let at = any::<Index>;
    prop_oneof![
        (at(), at(), 1..=255_u8).prop_map(|(buffer, byte, bits)| Lie::Flip(buffer, byte, bits)),
        (at(), at(), number()).prop_map(|(buffer, word, number)| Lie::Word(buffer, word, number)),
        (at(), at()).prop_map(|(buffer, length)| Lie::Cut(buffer, length)),
        (at(), vec(any::<u8>(), 1..20)).prop_map(|(buffer, bytes)| Lie::Append(buffer, bytes)),
        at().prop_map(Lie::Misalign),
        (at(), at()).prop_map(|(one, other)| Lie::SwapBuffers(one, other)),
        at().prop_map(Lie::DropBuffer),
        at().prop_map(Lie::RepeatBuffer),
        (at(), number()).prop_map(|(node, number)| Lie::Length(node, number)),
        (at(), number()).prop_map(|(node, number)| Lie::NullCount(node, number)),
        at().prop_map(Lie::DropNode),
        at().prop_map(Lie::RepeatNode),
        number().prop_map(Lie::Rows),
        Just(Lie::NotNull),
    ]
}

/// Tells a lie, if there is anything to tell it about.
fn tell(sent: &mut Sent, lie: Lie) {
    let (buffers, nodes) = (sent.buffers.len(), sent.nodes.len());
    match lie {
        Lie::Flip(buffer, byte, bits) if buffers > 0 => {
            sent.edit(buffer.index(buffers), |bytes| {
                if !bytes.is_empty() {
                    let byte = byte.index(bytes.len());
                    bytes[byte] ^= bits;
                }
            });
        }
        Lie::Word(buffer, word, number) if buffers > 0 => {
            sent.edit(buffer.index(buffers), |bytes| {
                if bytes.len() >= 4 {
                    let word = word.index(bytes.len() / 4) * 4;
                    bytes[word..word + 4].copy_from_slice(&number.to_le_bytes());
                }
            });
        }
        Lie::Cut(buffer, length) if buffers > 0 => {
            sent.edit(buffer.index(buffers), |bytes| {
                bytes.truncate(length.index(bytes.len() + 1));
            });
        }
        Lie::Append(buffer, more) if buffers > 0 => {
            sent.edit(buffer.index(buffers), |bytes| bytes.extend(more));
        }
        Lie::Misalign(buffer) if buffers > 0 => {
            let buffer = buffer.index(buffers);
            sent.edit(buffer, |bytes| bytes.insert(0, 0));
            sent.buffers[buffer] = sent.buffers[buffer].slice(1);
        }
        Lie::SwapBuffers(one, other) if buffers > 0 => {
            sent.buffers.swap(one.index(buffers), other.index(buffers));
        }
        Lie::DropBuffer(buffer) if buffers > 0 => {
            sent.buffers.remove(buffer.index(buffers));
        }
        Lie::RepeatBuffer(buffer) if buffers > 0 => {
            let buffer = sent.buffers[buffer.index(buffers)].clone();
            sent.buffers.push(buffer);
        }
        Lie::Length(node, number) if nodes > 0 => sent.nodes[node.index(nodes)].length = number,
        Lie::NullCount(node, number) if nodes > 0 => {
            sent.nodes[node.index(nodes)].null_count = number;
        }
        Lie::DropNode(node) if nodes > 0 => {
            sent.nodes.remove(node.index(nodes));
        }
        Lie::RepeatNode(node) if nodes > 0 => {
            let node = sent.nodes[node.index(nodes)];
            sent.nodes.push(node);
        }
        Lie::Rows(rows) => sent.rows = rows as usize,
        Lie::NotNull => sent.field = sent.field.clone().with_nullable(false),
        _ => {}
    }
}

#[test]
fn what_was_sent_is_what_arrives() {
    for array in samples() {
        for part in [Arc::clone(&array), array.slice(1, 3), array.slice(5, 0)] {
            let arrived = Sent::new(&part).decode().unwrap();
            assert_eq!(&arrived, &part);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(10_000)
    })]

    #[test]
    fn what_arrives_is_a_valid_array_or_an_error(
        sample in any::<Index>(),
        lies in vec(lie(), 1..4),
    ) {
        let samples = samples();
        let mut sent = Sent::new(&samples[sample.index(samples.len())]);
        for lie in lies {
            tell(&mut sent, lie);
        }
        if let Ok(array) = sent.decode() {
            prop_assert_eq!(array.len(), sent.rows);
            prop_assert_eq!(array.data_type(), sent.field.data_type());
            prop_assert!(sent.field.is_nullable() || array.null_count() == 0);
            prop_assert!(array.to_data().validate_full().is_ok());
            // Nothing is left of how it was laid out.
            let again = Sent::new(&array).decode();
            prop_assert!(again.is_ok_and(|again| *again == *array));
        }
    }
}

/// Sends a sample after an edit, and returns why it was refused.
fn refused(sample: usize, edit: impl FnOnce(&mut Sent)) -> DecodeError {
    let mut sent = Sent::new(&samples()[sample]);
    edit(&mut sent);
    sent.decode().expect_err("it is a lie")
}

const NUMBERS: usize = 0;
const TEXTS: usize = 2;
const LISTS: usize = 6;
const PAIRS: usize = 8;
const STRUCTS: usize = 9;

#[test]
fn each_lie_about_a_length_is_named() {
    assert!(matches!(
        refused(NUMBERS, |sent| sent.nodes[0].length = u32::MAX),
        DecodeError::Length { expected: 5, .. }
    ));
    assert!(matches!(
        refused(NUMBERS, |sent| {
            sent.nodes[0].length = u32::MAX;
            sent.rows = u32::MAX as usize;
        }),
        DecodeError::Short {
            what: "validity bits",
            ..
        }
    ));
    assert!(matches!(
        refused(NUMBERS, |sent| sent.edit(1, |bytes| bytes.truncate(39))),
        DecodeError::Short {
            what: "values",
            expected: 40,
            actual: 39,
            ..
        }
    ));
    assert!(matches!(
        refused(TEXTS, |sent| sent.edit(1, |bytes| bytes.truncate(20))),
        DecodeError::Short {
            what: "offsets",
            expected: 24,
            actual: 20,
            ..
        }
    ));
    assert!(matches!(
        refused(PAIRS, |sent| sent.nodes[1].length = 9),
        DecodeError::Length {
            expected: 10,
            actual: 9,
            ..
        }
    ));
    assert!(matches!(
        refused(STRUCTS, |sent| sent.nodes[2].length = 6),
        DecodeError::Length {
            expected: 5,
            actual: 6,
            ..
        }
    ));
}

#[test]
fn each_lie_about_nodes_and_buffers_is_named() {
    assert!(matches!(
        refused(STRUCTS, |sent| sent.nodes.truncate(2)),
        DecodeError::Nodes {
            field,
            expected: 3,
            actual: 2
        } if field == "a"
    ));
    assert!(matches!(
        refused(TEXTS, |sent| sent.buffers.truncate(2)),
        DecodeError::Buffers {
            field,
            expected: 3,
            actual: 2
        } if field == "a"
    ));
    assert!(matches!(
        refused(TEXTS, |sent| sent.buffers.push(Buffer::default())),
        DecodeError::Buffers {
            field,
            expected: 3,
            actual: 4
        } if field == "a"
    ));
}

#[test]
fn each_lie_about_nulls_is_named() {
    assert!(matches!(
        refused(TEXTS, |sent| sent.nodes[0].null_count = 0),
        DecodeError::NullCount {
            declared: 0,
            actual: 1,
            ..
        }
    ));
    assert!(matches!(
        refused(TEXTS, |sent| sent.buffers[0] = Buffer::default()),
        DecodeError::NullCount {
            declared: 1,
            actual: 0,
            ..
        }
    ));
    assert!(matches!(
        refused(TEXTS, |sent| tell(sent, Lie::NotNull)),
        DecodeError::Null { count: 1, .. }
    ));
    // The flag of a struct may not be null, however deep it is.
    assert!(matches!(
        refused(STRUCTS, |sent| {
            sent.nodes[1].null_count = 1;
            sent.buffers[1] = Buffer::from(vec![0b0001_1110]);
        }),
        DecodeError::Null { field, count: 1 } if field == "a.flag"
    ));
}

#[test]
fn each_lie_about_offsets_and_text_is_refused() {
    let offset = |at: usize, offset: i32| {
        move |sent: &mut Sent| {
            sent.edit(1, |bytes| {
                bytes[at * 4..at * 4 + 4].copy_from_slice(&offset.to_le_bytes());
            });
        }
    };
    for sample in [TEXTS, LISTS] {
        // Negative, running backwards, beyond the end, and so large that it overflows.
        for (at, number) in [(0, -1), (1, 100), (5, 1_000), (5, i32::MAX), (3, i32::MIN)] {
            assert!(
                matches!(
                    refused(sample, offset(at, number)),
                    DecodeError::Invalid { .. }
                ),
                "offset {at} of sample {sample} is {number}"
            );
        }
    }
    // Bytes that are no text, and an offset in the middle of a character.
    assert!(matches!(
        refused(TEXTS, |sent| sent.edit(2, |bytes| bytes[0] = 0xff)),
        DecodeError::Invalid { .. }
    ));
    assert!(matches!(
        refused(TEXTS, offset(3, 4)),
        DecodeError::Invalid { .. }
    ));
}

#[test]
fn a_buffer_at_an_odd_address_is_no_lie() {
    for array in samples() {
        let mut sent = Sent::new(&array);
        for buffer in 0..sent.buffers.len() {
            sent.edit(buffer, |bytes| {
                if !bytes.is_empty() {
                    bytes.insert(0, 0);
                }
            });
            if !sent.buffers[buffer].is_empty() {
                sent.buffers[buffer] = sent.buffers[buffer].slice(1);
            }
        }
        assert_eq!(&sent.decode().unwrap(), &array);
    }
}
