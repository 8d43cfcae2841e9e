//! What there is to know of the text of a CSV file before it is read: found out on the way of
//! taking the digest, which sees every byte anyhow.

use arrow_schema::{DataType, Field};
use memchr::{memchr, memchr2, memrchr};

use crate::{
    canonical::{Calendar, Form},
    csv_record::{
        self, BYTE_ORDER_MARK, Records, State, Stretches, each_field_end, regular_fields, unquoted,
    },
    lossy::Kind,
    source::{FileSource, SourceFormat},
};

/// A longer record is not looked at: DuckDB refuses it.
const LONGEST: usize = 1 << 22;

/// DuckDB refuses records of twice that length.
const LONGEST_SIMPLE: usize = 1_000_000;

/// A value that would be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LossyValue {
    /// The column, as an index into the declared ones.
    pub(crate) column: usize,
    pub(crate) line: u64,
    pub(crate) reason: &'static str,
    pub(crate) raw: String,
}

/// What was seen in the text of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The first value of each column that would be changed.
    pub(crate) lossy: Vec<LossyValue>,

    /// Of each declared column, whether all its values have their canonical [`Form`] or are null.
    /// None if there is a line that is not a record of as many fields as the header has, between
    /// delimiters, with quotes around a field or none.
    pub(crate) canonical: Option<Vec<bool>>,
}

impl Seen {
    /// Adds what was seen in other records of the same simple text.
    pub(crate) fn merge(&mut self, other: Self) {
        self.lossy.extend(other.lossy);
        self.canonical = match (self.canonical.take(), other.canonical) {
            (Some(own), Some(other)) => Some(own.iter().zip(other).map(|(a, b)| *a && b).collect()),
            _ => None,
        };
    }
}

/// A declared column whose values are looked at.
#[derive(Debug, Clone, Copy)]
struct Column {
    declared: usize,
    form: Option<Form>,
    kind: Option<Kind>,
}

/// Looks at the text of a file, piece by piece.
#[derive(Debug)]
pub(crate) struct CsvScan {
    declared: Vec<(String, DataType)>,
    delimiter: u8,
    null_value: Vec<u8>,
    calendar: Calendar,
    /// Those of the line with quotes that is looked at.
    fields: Vec<csv_record::Field>,
    /// By column of the file, once its header was seen: those whose values are looked at.
    columns: Option<Vec<Option<Column>>>,
    canonical: Option<Vec<bool>>,
    pending: Vec<u8>,
    scanned: usize,
    state: State,
    started: bool,
    /// Whether the pending record is too long to be looked at.
    skipping: bool,
    /// The line at which the pending record begins, and the one that is being looked at.
    first_line: u64,
    line: u64,
    ended: bool,
    found: Vec<LossyValue>,
}

impl CsvScan {
    /// Looks for what the declared columns of a source would lose.
    pub(crate) fn new(source: &FileSource) -> Self {
        let typed = |field: &Field| (field.name().clone(), field.data_type().clone());
        let declared: Vec<_> = source.columns.iter().map(typed).collect();
        let has_form = |(_, data_type): &(String, DataType)| Form::of(data_type).is_some();
        let delimiter = source.format.delimiter().unwrap_or(b',');
        let null_value = match &source.format {
            SourceFormat::Csv { null_value, .. } => Some(null_value.clone().into_bytes()),
            SourceFormat::Parquet | SourceFormat::Ndjson => None,
        };
        // DuckDB refuses a null value with a delimiter or a quote in it.
        let is_of_a_value = |byte: &u8| *byte != delimiter && *byte != b'"';
        let has_own_null = null_value.iter().flatten().all(is_of_a_value);
        Self {
            ended: null_value.is_none(),
            canonical: has_own_null.then(|| declared.iter().map(has_form).collect()),
            declared,
            delimiter,
            null_value: null_value.unwrap_or_default(),
            calendar: Calendar::default(),
            fields: vec![],
            columns: None,
            pending: Vec::new(),
            scanned: 0,
            state: State::FieldStart,
            started: false,
            skipping: false,
            first_line: 1,
            line: 1,
            found: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        if self.ended || bytes.is_empty() {
            return;
        }
        let bytes = if self.started {
            bytes
        } else {
            bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
        };
        self.started = true;
        // DuckDB takes a carriage return for the end of a line, wherever it is.
        self.expect_simple(memchr2(b'\r', b'\0', bytes).is_none());
        let bytes = self.pending_record(bytes);
        let is_between = self.columns.is_some() && self.pending.is_empty() && !self.skipping;
        let seen = if is_between { self.lines(bytes) } else { 0 };
        self.records(&bytes[seen..]);
    }

    /// Looks at the pending record, if it ends with the first line of `bytes`, and returns what follows.
    fn pending_record<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        match memchr(b'\n', bytes) {
            Some(end) if self.scanned == 0 && !self.skipping => {
                self.records(&bytes[..=end]);
                &bytes[end + 1..]
            }
            _ => bytes,
        }
    }

    /// Looks at lines that are records, which nearly all are, and returns where the first one begins
    /// that is none, or has no end.
    fn lines(&mut self, text: &[u8]) -> usize {
        let end = memrchr(b'\n', text).map_or(0, |end| end + 1);
        let mut seen = 0;
        for (stretch, has_quotes) in Stretches::of(&text[..end]) {
            if !has_quotes {
                self.plain_lines(&text[stretch.clone()]);
            } else if self.regular_record(&text[stretch.clone()]) {
                self.line += 1;
                self.first_line = self.line;
            } else {
                break;
            }
            seen = stretch.end;
        }
        self.expect_simple(str::from_utf8(&text[..seen]).is_ok());
        seen
    }

    /// Looks at lines without a quote.
    fn plain_lines(&mut self, text: &[u8]) {
        let columns = self.columns.take().unwrap_or_default();
        let (mut start, mut field_start, mut place) = (0, 0, 0);
        each_field_end(self.delimiter, text, |end| {
            let ends = text[end] == b'\n';
            if let Some(Some(column)) = columns.get(place)
                && let Some(reason) = self.loss(*column, &text[field_start..end], false)
            {
                let record = text[start..].split(|byte| *byte == b'\n').next();
                self.note(column.declared, reason, record.unwrap_or_default());
            }
            field_start = end + 1;
            place += 1;
            if ends {
                let length = field_start - start;
                self.expect_simple(place == columns.len() && (2..LONGEST_SIMPLE).contains(&length));
                (start, place) = (field_start, 0);
                self.line += 1;
                self.first_line = self.line;
            }
        });
        self.columns = Some(columns);
    }

    /// Looks at records of any shape, behind the pending one.
    fn records(&mut self, bytes: &[u8]) {
        let mut text = std::mem::take(&mut self.pending);
        text.extend_from_slice(bytes);
        let mut start = 0;
        while let Some(length) = memchr(b'\n', &text[self.scanned..]) {
            let end = self.scanned + length + 1;
            let piece = &text[self.scanned..end];
            let has_quotes = self.skipping || self.scanned > start || memchr(b'"', piece).is_some();
            let mut ends = true;
            if has_quotes {
                for byte in piece {
                    (self.state, ends) = Records::Csv(self.delimiter).next(self.state, *byte);
                }
            }
            self.scanned = end;
            self.line += 1;
            if ends {
                if !std::mem::take(&mut self.skipping) {
                    self.record(&text[start..end]);
                }
                start = end;
                self.first_line = self.line;
                self.state = State::FieldStart;
            }
        }
        text.drain(..start);
        self.scanned -= start;
        if text.len() > LONGEST {
            // Only where it ends is of interest. A header of that length is the end of the file.
            for byte in &text[self.scanned..] {
                (self.state, _) = Records::Csv(self.delimiter).next(self.state, *byte);
            }
            text.clear();
            self.scanned = 0;
            self.skipping = true;
            self.expect_simple(false);
            self.ended |= self.columns.is_none();
        }
        self.pending = text;
    }

    /// Returns whether all that was added is the header and whole records of a simple text, in
    /// which no value would be changed. Then nothing that is seen depends on the records' order.
    pub(crate) fn is_simple(&self) -> bool {
        self.columns.is_some()
            && self.canonical.is_some()
            && self.found.is_empty()
            && self.pending.is_empty()
            && !self.skipping
    }

    /// Returns what was seen, when all was added.
    pub(crate) fn finish(mut self) -> Seen {
        let last = std::mem::take(&mut self.pending);
        if !self.ended && !self.skipping && !last.is_empty() {
            // It has no line feed.
            self.expect_simple(false);
            self.record(&last);
        }
        Seen {
            lossy: self.found,
            canonical: self.canonical.filter(|_| self.columns.is_some()),
        }
    }

    fn record(&mut self, record: &[u8]) {
        if self.columns.is_none() {
            let regular = regular_fields(record, self.delimiter, &mut self.fields);
            self.expect_simple(regular);
            let names = csv_record::fields(record, self.delimiter);
            self.columns = Some(names.iter().map(|name| self.column(name)).collect());
        } else if !self.regular_record(record) {
            self.expect_simple(false);
            let columns = self.columns.take().unwrap_or_default();
            let fields = csv_record::fields_and_quotes(record, self.delimiter);
            for ((text, quoted), column) in fields.iter().zip(&columns) {
                self.value(*column, text.as_bytes(), *quoted, record);
            }
            self.columns = Some(columns);
        }
    }

    /// Looks at a record if it is one line and its quotes are only where they may be.
    fn regular_record(&mut self, record: &[u8]) -> bool {
        let Ok(text) = str::from_utf8(record) else {
            return false;
        };
        let mut fields = std::mem::take(&mut self.fields);
        let regular = regular_fields(record, self.delimiter, &mut fields);
        if regular {
            let columns = self.columns.take().unwrap_or_default();
            let fits = fields.len() == columns.len();
            self.expect_simple(fits && (2..LONGEST_SIMPLE).contains(&record.len()));
            for (field, column) in fields.iter().zip(&columns) {
                let value = &text[field.range.clone()];
                if field.quoted {
                    self.value(*column, unquoted(value).as_bytes(), true, record);
                } else {
                    self.value(*column, value.as_bytes(), false, record);
                }
            }
            self.columns = Some(columns);
        }
        self.fields = fields;
        regular
    }

    /// Looks at a value of a record, if its column is one that is looked at.
    fn value(&mut self, column: Option<Column>, text: &[u8], quoted: bool, record: &[u8]) {
        if let Some(column) = column
            && let Some(reason) = self.loss(column, text, quoted)
        {
            self.note(column.declared, reason, record);
        }
    }

    /// Returns the declared column of a name, if its values must be looked at.
    fn column(&self, name: &String) -> Option<Column> {
        let declared = self.declared.iter().position(|(known, _)| known == name)?;
        let data_type = &self.declared[declared].1;
        let (form, kind) = (Form::of(data_type), Kind::of(data_type));
        let is_looked_at = kind.is_some() || form.is_some_and(|form| form != Form::Text);
        is_looked_at.then_some(Column {
            declared,
            form,
            kind,
        })
    }

    /// Gives the text up as one that could be canonical, unless what was seen of it is simple.
    fn expect_simple(&mut self, simple: bool) {
        if !simple {
            self.canonical = None;
        }
    }

    /// Returns what would be lost of a value, and notes whether it has the form of its column. The
    /// null value is one only without quotes around it.
    fn loss(&mut self, column: Column, text: &[u8], quoted: bool) -> Option<&'static str> {
        let calendar = &mut self.calendar;
        let fits = column.form.is_some_and(|form| form.fits(text, calendar));
        // The last field may end in a carriage return.
        let whole = text.strip_suffix(b"\r").unwrap_or(text);
        if fits || (!quoted && whole == self.null_value.as_slice()) {
            return None;
        }
        if let Some(canonical) = &mut self.canonical {
            canonical[column.declared] = false;
        }
        column.kind?.loses(text.trim_ascii_end())
    }

    /// Keeps a value that would be changed, if it is the first of its column.
    fn note(&mut self, column: usize, reason: &'static str, record: &[u8]) {
        if !self.found.iter().any(|found| found.column == column) {
            self.found.push(LossyValue {
                column,
                line: self.first_line,
                reason,
                raw: csv_record::raw(record),
            });
        }
    }
}

#[cfg(test)]
mod tests;
