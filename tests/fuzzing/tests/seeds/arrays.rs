//! Arrays of every type that crosses: with values, with nulls, of nulls alone and without rows, some
//! nested; then types that do not cross, and arrays that are wrong in one way each.
//!
//! A dictionary has no format string of its own, so none can be asked for.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, FixedSizeListArray, Int32Array, LargeBinaryArray,
    LargeListArray, LargeStringArray, ListArray, StringArray, StructArray, make_array,
    new_empty_array, new_null_array, types::Int32Type,
};
use arrow_buffer::{Buffer, OffsetBuffer};
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, IntervalUnit, Schema, TimeUnit};
use wigeon_columnar::{FlatField, Node, encode, flatten};
use wigeon_fuzzing::arrays;

use crate::seed;

/// Rows of every array that has some.
const ROWS: usize = 3;

/// A format that is written out, for the target.
const WRITTEN_OUT: u8 = 31;

/// One top-level column, as it crosses.
struct Column {
    fields: Vec<FlatField>,
    nodes: Vec<Node>,
    buffers: Vec<Buffer>,
}

impl Column {
    fn new(name: &str, nullable: bool, array: &dyn Array) -> Self {
        let field = Field::new(name, array.data_type().clone(), nullable);
        let encoded = encode(array).expect("a type that crosses");
        Self {
            fields: flatten(&Schema::new(vec![field])).expect("a type that crosses"),
            nodes: encoded.nodes,
            buffers: encoded.buffers,
        }
    }

    fn of(array: &dyn Array) -> Self {
        Self::new("a", true, array)
    }
}

/// Writes columns as the target reads them.
fn written(rows: usize, columns: &[Column]) -> Vec<u8> {
    let fields: Vec<_> = columns.iter().flat_map(|column| &column.fields).collect();
    let mut bytes = vec![below(4, fields.len() - 1)];
    for field in fields {
        bytes.push(WRITTEN_OUT);
        for text in [&field.format, &field.name] {
            bytes.push(below(16, text.len()));
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes.push(u8::from(!field.nullable));
        bytes.push(below(4, field.children as usize));
    }
    bytes.push(below(256, rows));
    for column in columns {
        bytes.push(below(5, column.nodes.len()));
        for node in &column.nodes {
            if node.length as usize == rows {
                bytes.push(0);
            } else {
                bytes.extend([254, below(256, node.length as usize)]);
            }
            bytes.push(below(255, node.null_count as usize));
        }
        bytes.push(below(8, column.buffers.len()));
        for buffer in &column.buffers {
            let length = u16::try_from(buffer.len()).expect("a small buffer");
            bytes.extend(length.to_le_bytes());
            bytes.extend_from_slice(buffer);
        }
    }
    bytes
}

/// Returns a number that the target takes as it is: it takes it modulo `limit`.
fn below(limit: usize, number: usize) -> u8 {
    assert!(number < limit, "{number} is not below {limit}");
    u8::try_from(number).expect("no limit is above 256")
}

/// The types whose values have one width, in bytes, under the names of their seeds.
fn fixed_widths() -> Vec<(&'static str, DataType, usize)> {
    let types = [
        ("int8", DataType::Int8),
        ("int16", DataType::Int16),
        ("int32", DataType::Int32),
        ("int64", DataType::Int64),
        ("uint8", DataType::UInt8),
        ("uint16", DataType::UInt16),
        ("uint32", DataType::UInt32),
        ("uint64", DataType::UInt64),
        ("float16", DataType::Float16),
        ("float32", DataType::Float32),
        ("float64", DataType::Float64),
        ("date32", DataType::Date32),
        ("date64", DataType::Date64),
        ("time32-seconds", DataType::Time32(TimeUnit::Second)),
        ("time32-millis", DataType::Time32(TimeUnit::Millisecond)),
        ("time64-micros", DataType::Time64(TimeUnit::Microsecond)),
        ("time64-nanos", DataType::Time64(TimeUnit::Nanosecond)),
        (
            "timestamp-seconds",
            DataType::Timestamp(TimeUnit::Second, None),
        ),
        (
            "timestamp-millis",
            DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
        ),
        (
            "timestamp-micros",
            DataType::Timestamp(TimeUnit::Microsecond, None),
        ),
        (
            "timestamp-nanos",
            DataType::Timestamp(TimeUnit::Nanosecond, Some("+02:00".into())),
        ),
        ("duration-seconds", DataType::Duration(TimeUnit::Second)),
        ("duration-millis", DataType::Duration(TimeUnit::Millisecond)),
        ("duration-micros", DataType::Duration(TimeUnit::Microsecond)),
        ("duration-nanos", DataType::Duration(TimeUnit::Nanosecond)),
        (
            "interval-months",
            DataType::Interval(IntervalUnit::YearMonth),
        ),
        ("interval-days", DataType::Interval(IntervalUnit::DayTime)),
        (
            "interval-nanos",
            DataType::Interval(IntervalUnit::MonthDayNano),
        ),
        ("decimal32", DataType::Decimal32(9, 2)),
        ("decimal64", DataType::Decimal64(18, -3)),
        ("decimal128", DataType::Decimal128(38, 10)),
        ("decimal256", DataType::Decimal256(76, 0)),
    ];
    let mut widths: Vec<_> = types
        .into_iter()
        .map(|(name, data_type)| {
            let width = data_type.primitive_width().expect("a type of one width");
            (name, data_type, width)
        })
        .collect();
    widths.push(("fixed-size-binary", DataType::FixedSizeBinary(16), 16));
    widths
}

/// Returns an array of 1, 2 and 3, or of 1, null and 3.
fn numbers(data_type: &DataType, width: usize, has_null: bool) -> ArrayRef {
    let mut values = vec![0_u8; ROWS * width];
    for (number, value) in (1..).zip(values.chunks_mut(width)) {
        value[0] = number;
    }
    let data = ArrayData::builder(data_type.clone())
        .len(ROWS)
        .add_buffer(Buffer::from(values))
        .align_buffers(true)
        .null_bit_buffer(has_null.then(|| Buffer::from(vec![0b101_u8])));
    make_array(data.build().expect("a valid array"))
}

/// Arrays of text and of bytes.
fn texts(rows: [Option<&str>; ROWS]) -> [(&'static str, ArrayRef); 4] {
    let bytes = rows.map(|row| row.map(str::as_bytes));
    let text: ArrayRef = Arc::new(StringArray::from(rows.to_vec()));
    let large_text: ArrayRef = Arc::new(LargeStringArray::from(rows.to_vec()));
    let binary: ArrayRef = Arc::new(BinaryArray::from(bytes.to_vec()));
    let large_binary: ArrayRef = Arc::new(LargeBinaryArray::from(bytes.to_vec()));
    [
        ("utf8", text),
        ("large-utf8", large_text),
        ("binary", binary),
        ("large-binary", large_binary),
    ]
}

/// Arrays of each type that is not made of others: one of values, and one with a null among them.
fn flat() -> Vec<(&'static str, [ArrayRef; 2])> {
    let booleans =
        |rows: [Option<bool>; ROWS]| -> ArrayRef { Arc::new(BooleanArray::from(rows.to_vec())) };
    let mut flat = vec![(
        "boolean",
        [
            booleans([Some(true), Some(false), Some(true)]),
            booleans([Some(true), None, Some(false)]),
        ],
    )];
    for (name, data_type, width) in fixed_widths() {
        let arrays = [false, true].map(|has_null| numbers(&data_type, width, has_null));
        flat.push((name, arrays));
    }
    let values = texts([Some(""), Some("\u{e9}"), Some("a b")]);
    let with_null = texts([Some("a"), None, Some("\u{1f426}")]);
    for ((name, values), (_, with_null)) in values.into_iter().zip(with_null) {
        flat.push((name, [values, with_null]));
    }
    flat
}

/// Puts three rows into a list of two, an empty list and a list of one.
fn list_of(items: ArrayRef) -> ArrayRef {
    let item = Field::new("item", items.data_type().clone(), true);
    let offsets = OffsetBuffer::from_lengths([2, 0, 1]);
    Arc::new(ListArray::new(Arc::new(item), offsets, items, None))
}

/// Puts columns side by side.
fn struct_of<const MEMBERS: usize>(members: [(&str, ArrayRef); MEMBERS]) -> ArrayRef {
    let members = members.map(|(name, member)| {
        let field = Field::new(name, member.data_type().clone(), true);
        (Arc::new(field), member)
    });
    Arc::new(StructArray::from(members.to_vec()))
}

/// Arrays of types that are made of others, with values and nulls.
fn nested() -> Vec<(&'static str, ArrayRef)> {
    let rows = || [Some(vec![Some(1), None]), None, Some(vec![])];
    let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(rows()));
    let large_list = LargeListArray::from_iter_primitive::<Int32Type, _, _>(rows());
    let large_list: ArrayRef = Arc::new(large_list);
    let pairs = [
        Some(vec![Some(1), None]),
        None,
        Some(vec![Some(5), Some(6)]),
    ];
    let pairs = FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(pairs, 2);
    let pairs: ArrayRef = Arc::new(pairs);
    let number: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, Some(3)]));
    let text: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("")]));
    let members = struct_of([("x", Arc::clone(&text)), ("y", Arc::clone(&number))]);
    let one_member = struct_of([("x", number)]);
    vec![
        ("list", Arc::clone(&list)),
        ("large-list", large_list),
        ("fixed-size-list", pairs),
        ("struct", members),
        ("list-of-text", list_of(Arc::clone(&text))),
        ("list-of-lists", list_of(list)),
        ("list-of-structs", list_of(Arc::clone(&one_member))),
        ("struct-of-list", struct_of([("x", list_of(text))])),
        (
            "struct-of-structs",
            struct_of([("z", struct_of([("y", one_member)]))]),
        ),
    ]
}

/// Returns every seed whose arrays are taken: its name, its rows and its columns.
fn valid() -> Vec<(String, usize, Vec<Column>)> {
    let mut seeds = vec![];
    let flat = flat();
    for (name, [values, with_null]) in &flat {
        let nulls = new_null_array(values.data_type(), ROWS);
        let columns = vec![
            Column::new("a", false, values),
            Column::new("b", true, with_null),
            Column::new("c", true, &nulls),
        ];
        seeds.push((format!("type-{name}"), ROWS, columns));
    }
    // A schema of the target has four fields at most.
    for some in flat.chunks(4) {
        let columns = ["a", "b", "c", "d"].into_iter().zip(some);
        let columns = columns.map(|(column, (_, [values, _]))| {
            Column::new(column, true, &new_empty_array(values.data_type()))
        });
        seeds.push((format!("empty-{}", some[0].0), 0, columns.collect()));
    }
    let mut others = vec![("null", DataType::Null)];
    for (name, array) in nested() {
        others.push((name, array.data_type().clone()));
        seeds.push((format!("type-{name}"), ROWS, vec![Column::of(&array)]));
    }
    for (name, data_type) in others {
        let nulls = Column::of(&new_null_array(&data_type, ROWS));
        seeds.push((format!("nulls-{name}"), ROWS, vec![nulls]));
        let empty = Column::of(&new_empty_array(&data_type));
        seeds.push((format!("empty-{name}"), 0, vec![empty]));
    }
    seeds
}

/// A type that does not cross, or that is none, with children that are numbers.
fn of_format(format: &str, children: u32) -> Column {
    let field = |name: &str, format: &str, children| FlatField {
        name: name.to_owned(),
        format: format.to_owned(),
        nullable: true,
        children,
    };
    let mut fields = vec![field("a", format, children)];
    fields.extend((0..children).map(|_| field("x", "i", 0)));
    Column {
        fields,
        nodes: vec![],
        buffers: vec![],
    }
}

/// Types that are refused, under the names of their seeds.
const REFUSED: [(&str, &str, u32); 13] = [
    ("map", "+m", 1),
    ("dense-union", "+ud:0,1", 2),
    ("sparse-union", "+us:0", 1),
    ("run-ends", "+r", 2),
    ("text-view", "vu", 0),
    ("binary-view", "vz", 0),
    ("list-view", "+vl", 1),
    ("large-list-view", "+vL", 1),
    ("negative-width", "w:-1", 0),
    ("list-without-item", "+l", 0),
    ("decimal-of-no-digits", "d:0,0", 0),
    ("decimal-of-many-digits", "d:39,2", 0),
    ("no-format", "", 0),
];

/// What is done to an array to make it wrong.
type Deed = fn(&mut Column);

/// What is done to the texts `a`, null and `bc`.
const TO_TEXT: [(&str, Deed); 11] = [
    ("offsets-backwards", |column| {
        column.buffers[1] = offsets([0, 3, 1, 3]);
    }),
    ("offsets-beyond-the-text", |column| {
        column.buffers[1] = offsets([0, 1, 1, 99]);
    }),
    ("offsets-below-0", |column| {
        column.buffers[1] = offsets([0, -1, 1, 3]);
    }),
    ("offsets-too-few", |column| {
        column.buffers[1] = column.buffers[1].slice_with_length(0, 12);
    }),
    ("text-that-is-none", |column| {
        column.buffers[2] = Buffer::from(vec![0xff_u8; 3]);
    }),
    ("nulls-too-many", |column| column.nodes[0].null_count = 3),
    ("nulls-that-are-refused", |column| {
        column.fields[0].nullable = false;
    }),
    ("rows-too-few", |column| column.nodes[0].length = 2),
    ("rows-without-validity", |column| {
        column.buffers[0] = Buffer::default();
    }),
    ("a-buffer-too-few", |column| column.buffers.truncate(2)),
    ("a-buffer-too-many", |column| {
        column.buffers.push(Buffer::default());
    }),
];

/// What is done to a list of two numbers, null and an empty list.
const TO_LIST: [(&str, Deed); 3] = [
    ("items-too-few", |column| column.nodes[1].length = 1),
    ("items-that-end-early", |column| {
        column.buffers[3] = column.buffers[3].slice_with_length(0, 4);
    }),
    ("a-node-too-few", |column| column.nodes.truncate(1)),
];

fn offsets(numbers: [i32; 4]) -> Buffer {
    Buffer::from(numbers.map(i32::to_le_bytes).concat())
}

/// Compares a seed with what it is made of, and returns how many of its arrays are taken.
fn taken(name: &str, rows: usize, columns: &[Column]) -> usize {
    let made = written(rows, columns);
    let bytes = seed("arrays", name, &made);
    assert_eq!(bytes, made, "{name}: WIGEON_BLESS=1 writes it anew");
    arrays(&bytes)
}

#[test]
fn arrays_of_every_type_are_taken() {
    for (name, rows, columns) in valid() {
        assert_eq!(taken(&name, rows, &columns), columns.len(), "{name}");
    }
}

#[test]
fn types_that_do_not_cross_are_refused() {
    for (name, format, children) in REFUSED {
        let name = format!("refused-{name}");
        assert_eq!(taken(&name, 0, &[of_format(format, children)]), 0, "{name}");
    }
}

#[test]
fn arrays_that_are_wrong_are_refused() {
    let text = StringArray::from(vec![Some("a"), None, Some("bc")]);
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([
        Some(vec![Some(1), Some(2)]),
        None,
        Some(vec![]),
    ]);
    let of_text = TO_TEXT.map(|case| (case, Column::of(&text)));
    let of_list = TO_LIST.map(|case| (case, Column::of(&list)));
    for ((name, deed), mut column) in of_text.into_iter().chain(of_list) {
        deed(&mut column);
        let name = format!("wrong-{name}");
        assert_eq!(taken(&name, ROWS, &[column]), 0, "{name}");
    }
}
