//! Schemas and arrays, as a plugin hands them over.

use arrow_buffer::Buffer;
use wigeon_columnar::{FlatField, Node, decode, encode, flatten, unflatten};

/// Format strings that are types, so that most inputs get as far as the arrays.
const FORMATS: [&str; 18] = [
    "n", "b", "c", "C", "s", "i", "l", "f", "g", "u", "U", "z", "w:3", "tdD", "tsu:UTC", "d:10,2",
    "+l", "+s",
];

/// Reads a schema and one array for each of its fields, and asks that whatever is taken is valid
/// and crosses back as it came. Returns how many arrays are taken.
///
/// # Panics
///
/// If it is not.
pub fn arrays(bytes: &[u8]) -> usize {
    let mut input = Input(bytes);
    let flat: Vec<_> = (0..=input.byte() % 4).map(|_| input.field()).collect();
    let Ok(schema) = unflatten(&flat) else {
        return 0;
    };
    // Not as it was written: `w:03` is `w:3`.
    let back = flatten(&schema).expect("what came crosses back");
    assert_eq!(unflatten(&back).ok(), Some(schema.clone()));
    let rows = usize::from(input.byte());
    let mut taken = 0;
    for field in schema.fields() {
        let nodes: Vec<_> = (0..input.byte() % 5).map(|_| input.node(rows)).collect();
        let buffers: Vec<_> = (0..input.byte() % 8).map(|_| input.buffer()).collect();
        let Ok(array) = decode(field, rows, &nodes, buffers) else {
            continue;
        };
        assert_eq!(array.len(), rows);
        assert!(field.is_nullable() || array.null_count() == 0);
        let data = array.to_data();
        data.validate_full().expect("what was taken is valid");
        let encoded = encode(&array).expect("what came crosses back");
        let again = decode(field, rows, &encoded.nodes, encoded.buffers);
        assert_eq!(again.expect("what crosses back is taken").to_data(), data);
        taken += 1;
    }
    taken
}

/// The bytes that are left.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    /// Takes a byte; without any left it is 0.
    fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    /// Takes this many bytes, or those that are left.
    fn bytes(&mut self, length: usize) -> &[u8] {
        let (taken, left) = self.0.split_at(length.min(self.0.len()));
        self.0 = left;
        taken
    }

    fn text(&mut self) -> String {
        let length = usize::from(self.byte() % 16);
        String::from_utf8_lossy(self.bytes(length)).into_owned()
    }

    fn field(&mut self) -> FlatField {
        let chosen = self.byte();
        let format = match FORMATS.get(usize::from(chosen % 32)) {
            Some(format) => (*format).to_owned(),
            None => self.text(),
        };
        FlatField {
            name: self.text(),
            format,
            nullable: self.byte().is_multiple_of(2),
            children: u32::from(self.byte() % 4),
        }
    }

    /// Takes a node: mostly of as many rows as there should be.
    fn node(&mut self, rows: usize) -> Node {
        let length = match self.byte() {
            255 => u32::MAX,
            254 => u32::from(self.byte()),
            _ => u32::try_from(rows).expect("a byte"),
        };
        let null_count = match self.byte() {
            255 => u32::MAX,
            count => u32::from(count),
        };
        Node { length, null_count }
    }

    /// Takes a buffer, which may begin at an odd address.
    fn buffer(&mut self) -> Buffer {
        let (low, high) = (self.byte(), self.byte());
        let length = usize::from(u16::from_le_bytes([low, high]));
        let (odd, length) = (length & 0x8000 != 0, length & 0x0fff);
        let buffer = Buffer::from(self.bytes(length));
        if odd && !buffer.is_empty() {
            return buffer.slice(1);
        }
        buffer
    }
}
