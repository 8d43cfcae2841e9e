//! Records of text files, split without interpreting their fields.
//!
//! This is for what DuckDB does not tell of a file that it reads: whether a header names the
//! declared columns, whether a file may be split among threads, whether its last quote
//! is closed, and at which line of the file a record begins. Quotes are taken as DuckDB
//! takes them in its strict mode: one opens a field at its start, or after one space;
//! anywhere else in an unquoted field it is a character like others. Files that DuckDB need not
//! read are taken apart by what is in `field_ends.rs` and `regular.rs`.

mod field_ends;
mod quotes;
mod regular;

use std::{io, io::Read, ops::Range};

use memchr::memchr_iter;

pub(crate) use field_ends::each_field_end;
pub(crate) use quotes::{QuoteScan, Quotes};
pub(crate) use regular::{Field, Stretches, regular_fields, unquoted};

/// Bytes read at once.
const BLOCK: usize = 1 << 18;

/// Bytes after which a window ends at the next record.
const WINDOW: usize = 1 << 18;

/// Bytes after which a window ends at any line, since a quote may never be closed.
const WINDOW_LIMIT: usize = 1 << 26;

/// As much of a malformed record as is kept.
pub(crate) const RAW: usize = 10_000;

/// What some programs begin a text with to say that it is UTF-8.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How records are separated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Records {
    /// A line is a record.
    Lines,
    /// CSV with this delimiter.
    Csv(u8),
}

/// Where in a record of CSV a byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    FieldStart,
    /// After one space at the start of a field.
    Space,
    Unquoted,
    Quoted,
    /// After a quote that closes the field, unless another one follows.
    Closed,
}

impl Records {
    /// Returns the state after a byte, and whether the record ends with it.
    pub(crate) fn next(self, state: State, byte: u8) -> (State, bool) {
        let Self::Csv(delimiter) = self else {
            return (State::FieldStart, byte == b'\n');
        };
        match (state, byte) {
            (State::Quoted, b'"') => (State::Closed, false),
            (State::Quoted, _) | (State::FieldStart | State::Space | State::Closed, b'"') => {
                (State::Quoted, false)
            }
            (_, b'\n') => (State::FieldStart, true),
            (_, byte) if byte == delimiter => (State::FieldStart, false),
            (State::FieldStart, b' ') => (State::Space, false),
            _ => (State::Unquoted, false),
        }
    }
}

/// Some whole records of a file.
#[derive(Debug)]
pub(crate) struct Window {
    /// The line at which it begins, counted from 1.
    pub(crate) first_line: u64,
    pub(crate) bytes: Vec<u8>,
}

/// Where a record is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// The line of the file at which it begins.
    pub(crate) line: u64,
    /// Its bytes in the window, with the line end.
    pub(crate) range: Range<usize>,
}

impl Window {
    /// Returns where its records are. Empty lines are records, too.
    pub(crate) fn records(&self, records: Records) -> Vec<Record> {
        let mut found = Vec::new();
        let (mut start, mut first_line, mut line) = (0, self.first_line, self.first_line);
        let mut state = State::FieldStart;
        for (position, byte) in self.bytes.iter().enumerate() {
            let ends;
            (state, ends) = records.next(state, *byte);
            line += u64::from(*byte == b'\n');
            if ends {
                found.push(Record {
                    line: first_line,
                    range: start..position + 1,
                });
                (start, first_line) = (position + 1, line);
            }
        }
        if start < self.bytes.len() {
            found.push(Record {
                line: first_line,
                range: start..self.bytes.len(),
            });
        }
        found
    }
}

/// Splits a file into windows. A byte order mark is left out of CSV; in JSON it is a mistake.
pub(crate) struct Windows<R> {
    reader: R,
    records: Records,
    pending: Vec<u8>,
    scanned: usize,
    state: State,
    boundary: usize,
    last_line_end: usize,
    line: u64,
    started: bool,
    ended: bool,
}

impl<R: Read> Windows<R> {
    pub(crate) fn new(reader: R, records: Records) -> Self {
        Self {
            reader,
            records,
            pending: Vec::new(),
            scanned: 0,
            state: State::FieldStart,
            boundary: 0,
            last_line_end: 0,
            line: 1,
            started: false,
            ended: false,
        }
    }

    /// Returns the first record. Call it first, if at all.
    pub(crate) fn header(&mut self) -> io::Result<Option<Window>> {
        let mut window = self.next_after(1)?;
        if let Some(window) = &mut window {
            let first = window
                .records(self.records)
                .first()
                .map_or(0, |record| record.range.end);
            self.line = window.first_line + count_lines(&window.bytes[..first]);
            let rest = window.bytes.split_off(first);
            // Put back before what was read beyond.
            self.scanned += rest.len();
            self.boundary += rest.len();
            self.last_line_end += rest.len();
            self.pending.splice(0..0, rest);
        }
        Ok(window)
    }

    /// Returns the next window, or none at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Window>> {
        self.next_after(WINDOW)
    }

    /// Returns the next window, of at least `size` bytes if there are as many, or none at the end.
    pub(crate) fn next_after(&mut self, size: usize) -> io::Result<Option<Window>> {
        loop {
            self.scan();
            let end = if self.boundary >= size {
                self.boundary
            } else if self.pending.len() >= WINDOW_LIMIT {
                if self.last_line_end == 0 {
                    return Err(io::Error::other("a line is longer than 64 MiB"));
                }
                self.last_line_end
            } else if self.ended {
                self.pending.len()
            } else {
                self.fill()?;
                continue;
            };
            if end == 0 {
                return Ok(None);
            }
            let rest = self.pending.split_off(end);
            let bytes = std::mem::replace(&mut self.pending, rest);
            self.scanned -= end;
            self.boundary = self.boundary.saturating_sub(end);
            self.last_line_end = self.last_line_end.saturating_sub(end);
            let first_line = self.line;
            self.line += count_lines(&bytes);
            return Ok(Some(Window { first_line, bytes }));
        }
    }

    fn scan(&mut self) {
        for (offset, byte) in self.pending[self.scanned..].iter().enumerate() {
            let ends;
            (self.state, ends) = self.records.next(self.state, *byte);
            if *byte == b'\n' {
                self.last_line_end = self.scanned + offset + 1;
                if ends {
                    self.boundary = self.last_line_end;
                }
            }
        }
        self.scanned = self.pending.len();
    }

    fn fill(&mut self) -> io::Result<()> {
        let start = self.pending.len();
        self.pending.resize(start + BLOCK, 0);
        let read = read_full(&mut self.reader, &mut self.pending[start..]);
        self.pending.truncate(start + *read.as_ref().unwrap_or(&0));
        self.ended = read? == 0;
        let may_be_marked = !self.started && self.records != Records::Lines;
        if may_be_marked && self.pending.starts_with(BYTE_ORDER_MARK) {
            self.pending.drain(..BYTE_ORDER_MARK.len());
        }
        self.started = true;
        Ok(())
    }
}

/// Splits one record into its fields, unquoted.
pub(crate) fn fields(record: &[u8], delimiter: u8) -> Vec<String> {
    let fields = fields_and_quotes(record, delimiter);
    fields.into_iter().map(|(field, _)| field).collect()
}

/// Splits one record into its fields, unquoted, and says which of them had quotes around them.
pub(crate) fn fields_and_quotes(record: &[u8], delimiter: u8) -> Vec<(String, bool)> {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    let record = record.strip_suffix(b"\r").unwrap_or(record);
    let records = Records::Csv(delimiter);
    let mut fields = vec![(Vec::new(), false)];
    let mut state = State::FieldStart;
    for byte in record {
        let before = state;
        (state, _) = records.next(state, *byte);
        let (field, quoted) = fields.last_mut().expect("there is always a field");
        match (before, state) {
            // A quote that opens, after a space that does not count.
            (State::FieldStart | State::Space, State::Quoted) => {
                field.clear();
                *quoted = true;
            }
            (State::Quoted, State::Closed) => {}
            (_, State::FieldStart) => fields.push((Vec::new(), false)),
            _ => field.push(*byte),
        }
    }
    fields
        .iter()
        .map(|(field, quoted)| (String::from_utf8_lossy(field).into_owned(), *quoted))
        .collect()
}

/// Returns the text of a record as it is kept: without its line end, and not too long.
pub(crate) fn raw(record: &[u8]) -> String {
    let text = String::from_utf8_lossy(&record[..record.len().min(RAW)]);
    text.trim_end_matches(['\r', '\n']).to_owned()
}

/// Fills a buffer as far as the file goes.
pub(crate) fn read_full(mut reader: impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

pub(crate) fn count_lines(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: Records = Records::Csv(b',');

    fn windows(text: &str, records: Records) -> (Option<Window>, Vec<(u64, String)>) {
        let mut windows = Windows::new(text.as_bytes(), records);
        let header = windows.header().unwrap();
        let mut rest = Vec::new();
        while let Some(window) = windows.next().unwrap() {
            for record in window.records(records) {
                let text = String::from_utf8(window.bytes[record.range].to_vec()).unwrap();
                rest.push((record.line, text));
            }
        }
        (header, rest)
    }

    #[test]
    fn a_line_without_an_end_is_not_read_whole() {
        let endless = io::repeat(b'x');
        let error = Windows::new(endless, CSV).header().unwrap_err();
        assert_eq!(error.to_string(), "a line is longer than 64 MiB");
    }

    #[test]
    fn records_know_their_lines() {
        let (header, rest) = windows("\u{feff}\"a\",b\r\n1,\"x\ny\"\r\n\r\n2,z", CSV);
        assert_eq!(header.unwrap().bytes, b"\"a\",b\r\n");
        let rest: Vec<_> = rest
            .iter()
            .map(|(line, text)| (*line, text.as_str()))
            .collect();
        assert_eq!(rest, [(2, "1,\"x\ny\"\r\n"), (4, "\r\n"), (5, "2,z")]);
    }

    #[test]
    fn windows_end_at_records() {
        let row = format!("1,\"{}\n{}\"\n", "x".repeat(300_000), "y".repeat(300_000));
        let text = format!("a,b\n{}", row.repeat(7));
        let (_, rest) = windows(&text, CSV);
        let lines: Vec<_> = rest.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 4, 6, 8, 10, 12, 14]);
        assert!(rest.iter().all(|(_, text)| *text == row));
    }

    #[test]
    fn an_empty_file_has_no_header() {
        let (header, rest) = windows("", CSV);
        assert!(header.is_none());
        assert!(rest.is_empty());
    }

    #[test]
    fn lines_have_no_quotes() {
        let (_, rest) = windows("{}\n{\"a\": \"\n\n\"}\n", Records::Lines);
        let rest: Vec<_> = rest
            .iter()
            .map(|(line, text)| (*line, text.as_str()))
            .collect();
        assert_eq!(rest, [(2, "{\"a\": \"\n"), (3, "\n"), (4, "\"}\n")]);
    }

    #[test]
    fn fields_are_unquoted() {
        assert_eq!(
            fields(b"a,\"b,\"\"c\"\"\", \"d\",e\"f,,\r\n", b','),
            ["a", "b,\"c\"", "d", "e\"f", "", ""]
        );
    }
}
