//! Records of text files, split without interpreting their fields.
//!
//! DuckDB reads the rows. This is for what it does not tell: whether a header names the
//! declared columns, whether a file may be split among threads, and at which line of
//! the file a record begins. Quoting is that of RFC 4180: a record ends at a line feed
//! outside of quotes, and a quote in a quoted field is doubled, so counting quotes
//! suffices.

use std::{io, io::Read, ops::Range};

/// Bytes read at once.
const BLOCK: usize = 1 << 18;

/// Bytes after which a window ends at the next record.
const WINDOW: usize = 1 << 20;

/// Bytes after which a window ends at any line, since a quote may never be closed.
const WINDOW_LIMIT: usize = 1 << 26;

/// Some whole records of a file.
#[derive(Debug)]
pub(crate) struct Window {
    /// The line at which it begins, counted from 1.
    pub(crate) first_line: u64,
    pub(crate) bytes: Vec<u8>,
}

impl Window {
    /// Returns where its records are, with their line ends. Empty lines are records, too.
    pub(crate) fn records(&self, quoting: bool) -> Vec<Range<usize>> {
        let mut records = Vec::new();
        let (mut start, mut quoted) = (0, false);
        for (position, byte) in self.bytes.iter().enumerate() {
            match byte {
                b'"' if quoting => quoted = !quoted,
                b'\n' if !quoted => {
                    records.push(start..position + 1);
                    start = position + 1;
                }
                _ => {}
            }
        }
        if start < self.bytes.len() {
            records.push(start..self.bytes.len());
        }
        records
    }

    /// Returns the line of the file in which the byte at `position` is.
    pub(crate) fn line_at(&self, position: usize) -> u64 {
        self.first_line + count_lines(&self.bytes[..position])
    }
}

/// Splits a file into windows.
pub(crate) struct Windows<R> {
    reader: R,
    quoting: bool,
    pending: Vec<u8>,
    scanned: usize,
    quoted: bool,
    boundary: usize,
    last_line_end: usize,
    line: u64,
    ended: bool,
}

impl<R: Read> Windows<R> {
    pub(crate) fn new(reader: R, quoting: bool) -> Self {
        Self {
            reader,
            quoting,
            pending: Vec::new(),
            scanned: 0,
            quoted: false,
            boundary: 0,
            last_line_end: 0,
            line: 1,
            ended: false,
        }
    }

    /// Returns the first record, without a byte order mark. Call it first, if at all.
    pub(crate) fn header(&mut self) -> io::Result<Option<Window>> {
        let mut window = self.next_after(1)?;
        if let Some(window) = &mut window {
            let first = window.records(self.quoting).first().map_or(0, |record| record.end);
            self.line = window.line_at(first);
            let rest = window.bytes.split_off(first);
            // Put back before what was read beyond.
            self.scanned += rest.len();
            self.boundary += rest.len();
            self.last_line_end += rest.len();
            self.pending.splice(0..0, rest);
            if window.bytes.starts_with(b"\xef\xbb\xbf") {
                window.bytes.drain(..3);
            }
        }
        Ok(window)
    }

    /// Returns the next window, or none at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Window>> {
        self.next_after(WINDOW)
    }

    fn next_after(&mut self, size: usize) -> io::Result<Option<Window>> {
        loop {
            self.scan();
            let end = if self.boundary >= size {
                self.boundary
            } else if self.pending.len() >= WINDOW_LIMIT && self.last_line_end > 0 {
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
            match byte {
                b'"' if self.quoting => self.quoted = !self.quoted,
                b'\n' => {
                    self.last_line_end = self.scanned + offset + 1;
                    if !self.quoted {
                        self.boundary = self.last_line_end;
                    }
                }
                _ => {}
            }
        }
        self.scanned = self.pending.len();
    }

    fn fill(&mut self) -> io::Result<()> {
        let start = self.pending.len();
        self.pending.resize(start + BLOCK, 0);
        let read = loop {
            match self.reader.read(&mut self.pending[start..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.pending.truncate(start + *read.as_ref().unwrap_or(&0));
        self.ended = read? == 0;
        Ok(())
    }
}

/// Splits one record into its fields, unquoted.
pub(crate) fn fields(record: &[u8], delimiter: char) -> Vec<String> {
    let text = String::from_utf8_lossy(record);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    let mut fields = vec![String::new()];
    let (mut quoted, mut characters) = (false, text.chars().peekable());
    while let Some(character) = characters.next() {
        let field = fields.last_mut().expect("there is always a field");
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            _ if character == delimiter && !quoted => fields.push(String::new()),
            _ => field.push(character),
        }
    }
    fields
}

/// Returns whether a quoted field contains a line feed.
pub(crate) fn has_quoted_line_feed(mut reader: impl Read) -> io::Result<bool> {
    let mut block = vec![0; BLOCK];
    let mut quoted = false;
    loop {
        let read = match reader.read(&mut block) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if read == 0 {
            return Ok(false);
        }
        // Between two quotes the bytes are all quoted or none of them is.
        let mut parts = block[..read].split(|byte| *byte == b'"');
        let mut part = parts.next();
        while let Some(bytes) = part {
            if quoted && bytes.contains(&b'\n') {
                return Ok(true);
            }
            part = parts.next();
            if part.is_some() {
                quoted = !quoted;
            }
        }
    }
}

fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(text: &str, quoting: bool) -> (Option<Window>, Vec<(u64, String)>) {
        let mut windows = Windows::new(text.as_bytes(), quoting);
        let header = windows.header().unwrap();
        let mut rest = Vec::new();
        while let Some(window) = windows.next().unwrap() {
            for record in window.records(quoting) {
                let text = String::from_utf8(window.bytes[record.clone()].to_vec()).unwrap();
                rest.push((window.line_at(record.start), text));
            }
        }
        (header, rest)
    }

    #[test]
    fn records_know_their_lines() {
        let (header, rest) = windows("\u{feff}a,b\r\n1,\"x\ny\"\r\n\r\n2,z", true);
        assert_eq!(header.unwrap().bytes, b"a,b\r\n");
        let rest: Vec<_> = rest.iter().map(|(line, text)| (*line, text.as_str())).collect();
        assert_eq!(rest, [(2, "1,\"x\ny\"\r\n"), (4, "\r\n"), (5, "2,z")]);
    }

    #[test]
    fn windows_end_at_records() {
        let row = format!("1,\"{}\n{}\"\n", "x".repeat(300_000), "y".repeat(300_000));
        let text = format!("a,b\n{}", row.repeat(7));
        let (_, rest) = windows(&text, true);
        let lines: Vec<_> = rest.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 4, 6, 8, 10, 12, 14]);
        assert!(rest.iter().all(|(_, text)| *text == row));
    }

    #[test]
    fn an_empty_file_has_no_header() {
        let (header, rest) = windows("", true);
        assert!(header.is_none());
        assert!(rest.is_empty());
    }

    #[test]
    fn fields_are_unquoted() {
        assert_eq!(fields(b"a,\"b,\"\"c\"\"\",\r\n", ','), ["a", "b,\"c\"", ""]);
    }

    #[test]
    fn line_feeds_in_quotes_are_found() {
        let found = |text: &str| has_quoted_line_feed(text.as_bytes()).unwrap();
        assert!(!found("a,b\n1,\"x\"\n"));
        assert!(!found("a,b\n1,\"x\"\"y\"\n2,z\n"));
        assert!(found("a,b\n1,\"x\n\"\n"));
        assert!(found("a,b\n1,\"\"\"\n\"\n"));
    }
}
