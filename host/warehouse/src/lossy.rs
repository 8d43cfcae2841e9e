//! Values of text that DuckDB's casts would change without a word.
//!
//! DuckDB reads `1.5` as the integer 2, rounds decimals, and drops the time zone of a timestamp,
//! what is finer than a microsecond, and the time of a date. It tells nothing of it, so the text is
//! looked at here, of CSV on the way of taking the digest, of JSON when it is read. What is no number
//! or time at all is left to DuckDB to complain about.

use arrow_schema::{DataType, Field};
use memchr::{memchr, memchr_iter, memchr2};

use crate::{
    canonical::Form,
    csv_record::{self, BYTE_ORDER_MARK, Records, State, each_field_end},
    source::{FileSource, SourceFormat},
};

/// A longer record is not looked at: DuckDB refuses it.
const LONGEST: usize = 1 << 22;

/// DuckDB refuses records of twice that length.
const LONGEST_SIMPLE: usize = 1_000_000;

/// What is wrong with a time that has nanoseconds.
pub(crate) const TOO_FINE: &str = "the value is finer than a microsecond";

/// A value that would be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LossyValue {
    /// The column, as an index into the declared ones.
    pub(crate) column: usize,
    pub(crate) line: u64,
    pub(crate) reason: &'static str,
    pub(crate) raw: String,
}

/// What a type keeps of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number with so many decimals.
    Number(i64),
    Date,
    Timestamp,
    /// A timestamp with a time zone.
    Instant,
}

impl Kind {
    /// Returns the kind of a type that does not keep every text.
    pub(crate) fn of(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Decimal128(_, scale) => Some(Self::Number(i64::from(*scale))),
            DataType::Date32 => Some(Self::Date),
            DataType::Timestamp(_, None) => Some(Self::Timestamp),
            DataType::Timestamp(_, Some(_)) => Some(Self::Instant),
            other if other.is_integer() => Some(Self::Number(0)),
            _ => None,
        }
    }

    /// Says whether a text is written as nearly all are, with nothing that could be lost.
    fn is_plain(self, text: &[u8]) -> bool {
        let is_date = |byte: &u8| byte.is_ascii_digit() || *byte == b'-';
        match self {
            Self::Number(_) | Self::Date => text.iter().all(is_date),
            Self::Timestamp | Self::Instant => {
                let time = text.get(11..).unwrap_or_default();
                let is_time = |byte: &u8| byte.is_ascii_digit() || *byte == b':';
                !time.is_empty() && time.iter().all(is_time)
            }
        }
    }

    /// Says what would be lost of a text, if anything would.
    pub(crate) fn loses(self, text: &[u8]) -> Option<&'static str> {
        if self.is_plain(text) {
            return None;
        }
        match self {
            Self::Number(0) => (!is_exact(text, 0)).then_some("the value is not a whole number"),
            Self::Number(scale) => (!is_exact(text, scale))
                .then_some("the value has more decimals than the declared type"),
            Self::Date | Self::Timestamp | Self::Instant if is_infinite(text) => {
                Some("the value is no time that can be counted with")
            }
            Self::Date => {
                let time = text.get(10..).unwrap_or_default();
                (time.contains(&b':') && time.iter().any(|byte| matches!(byte, b'1'..=b'9')))
                    .then_some("the value has a time, but the declared type has none")
            }
            Self::Timestamp => {
                let time = &text[memchr(b':', text)?..];
                if time
                    .iter()
                    .any(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'+' | b'-'))
                {
                    return Some("the value has a time zone, but the declared type has none");
                }
                is_too_fine(time).then_some(TOO_FINE)
            }
            Self::Instant => is_too_fine(&text[memchr(b':', text)?..]).then_some(TOO_FINE),
        }
    }
}

/// Says whether the seconds of a time have more than six decimals that count.
fn is_too_fine(time: &[u8]) -> bool {
    let Some(point) = memchr(b'.', time) else {
        return false;
    };
    let decimals = time[point + 1..].iter().take_while(|b| b.is_ascii_digit());
    decimals.skip(6).any(|digit| *digit != b'0')
}

/// Says whether a text is what DuckDB takes for a time before or after all others.
fn is_infinite(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    unsigned.eq_ignore_ascii_case(b"infinity")
}

/// Says whether a number has no more decimals than `scale`; also if it is no number.
fn is_exact(text: &[u8], scale: i64) -> bool {
    let text = text.trim_ascii();
    let (mantissa, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        None => (text, 0),
        Some(place) => {
            let exponent = std::str::from_utf8(&text[place + 1..]).unwrap_or_default();
            match exponent.parse::<i32>() {
                Ok(exponent) => (&text[..place], i64::from(exponent)),
                Err(_) => return true,
            }
        }
    };
    let unsigned = match mantissa {
        [b'+' | b'-', rest @ ..] => rest,
        all => all,
    };
    if !unsigned
        .iter()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'_'))
    {
        return true;
    }
    let point = memchr(b'.', unsigned).unwrap_or(unsigned.len());
    // The place of the last digit that counts: 0 for ones, 1 for tenths.
    let last = unsigned
        .iter()
        .rposition(|byte| matches!(byte, b'1'..=b'9'));
    let Some(last) = last else {
        return true;
    };
    let place = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    let decimals = if last > point {
        place(last - point)
    } else {
        place(last + 1) - place(point)
    };
    decimals - exponent <= scale
}

/// What was seen in the text of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The first value of each column that would be changed.
    pub(crate) lossy: Vec<LossyValue>,

    /// Of each declared column, whether all its values have their canonical [`Form`] or are null.
    /// None if there is a record that is more than its fields, as many as the header has, between
    /// delimiters, with a line feed behind it.
    pub(crate) canonical: Option<Vec<bool>>,
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
pub(crate) struct LossyScan {
    declared: Vec<(String, DataType)>,
    delimiter: u8,
    null_value: Vec<u8>,
    /// By column of the file, once its header was seen: those whose values are looked at.
    columns: Option<Vec<Option<Column>>>,
    simple: bool,
    canonical: Vec<bool>,
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

impl LossyScan {
    /// Looks for what the declared columns of a source would lose.
    pub(crate) fn new(source: &FileSource) -> Self {
        let typed = |field: &Field| (field.name().clone(), field.data_type().clone());
        let declared: Vec<_> = source.columns.iter().map(typed).collect();
        let has_form = |(_, data_type): &(String, DataType)| Form::of(data_type).is_some();
        let null_value = match &source.format {
            SourceFormat::Csv { null_value, .. } => Some(null_value.clone().into_bytes()),
            SourceFormat::Parquet | SourceFormat::Ndjson => None,
        };
        Self {
            ended: null_value.is_none(),
            simple: null_value.is_some(),
            canonical: declared.iter().map(has_form).collect(),
            declared,
            delimiter: source.format.delimiter().unwrap_or(b','),
            null_value: null_value.unwrap_or_default(),
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
        self.simple &= memchr2(b'\r', b'\0', bytes).is_none();
        let bytes = self.pending_record(bytes);
        if self.columns.is_some() && self.pending.is_empty() && memchr(b'"', bytes).is_none() {
            let rest = self.plain_records(bytes);
            self.pending.extend_from_slice(&bytes[rest..]);
        } else {
            self.records(bytes);
        }
    }

    /// Looks at the pending record, if it ends in `bytes` and has no quote, and returns what follows.
    fn pending_record<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        match memchr(b'\n', bytes) {
            Some(end)
                if self.scanned == 0
                    && !self.skipping
                    && memchr(b'"', &self.pending).is_none()
                    && memchr(b'"', &bytes[..end]).is_none() =>
            {
                self.records(&bytes[..=end]);
                &bytes[end + 1..]
            }
            _ => bytes,
        }
    }

    /// Looks at records without a quote, which most are, and returns where the last one begins if
    /// it does not end.
    fn plain_records(&mut self, text: &[u8]) -> usize {
        let columns = self.columns.take().unwrap_or_default();
        let (mut start, mut field_start, mut place) = (0, 0, 0);
        each_field_end(self.delimiter, text, |end| {
            let ends = text[end] == b'\n';
            if let Some(Some(column)) = columns.get(place) {
                let field = &text[field_start..end];
                if !column.form.is_some_and(|form| form.fits(field)) {
                    let record = text[start..].split(|byte| *byte == b'\n').next();
                    self.look(*column, field, record.unwrap_or_default());
                }
            }
            field_start = end + 1;
            place += 1;
            if ends {
                self.simple &=
                    place == columns.len() && (2..LONGEST_SIMPLE).contains(&(field_start - start));
                (start, place) = (field_start, 0);
                self.line += 1;
                self.first_line = self.line;
            }
        });
        self.simple &= str::from_utf8(&text[..start]).is_ok();
        self.columns = Some(columns);
        start
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
                    self.record(&text[start..end], has_quotes);
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
            self.simple = false;
            self.ended |= self.columns.is_none();
        }
        self.pending = text;
    }

    pub(crate) fn finish(mut self) -> Seen {
        let last = std::mem::take(&mut self.pending);
        if !self.ended && !self.skipping && !last.is_empty() {
            // It has no line feed.
            self.simple = false;
            self.record(&last, true);
        }
        Seen {
            lossy: self.found,
            canonical: (self.simple && self.columns.is_some()).then_some(self.canonical),
        }
    }

    fn record(&mut self, record: &[u8], has_quotes: bool) {
        let delimiter = self.delimiter;
        let Some(columns) = self.columns.take() else {
            self.simple &= !has_quotes;
            let names = csv_record::fields(record, delimiter);
            self.columns = Some(names.iter().map(|name| self.column(name)).collect());
            return;
        };
        let mut count = 0;
        let mut look = |place: usize, text: &[u8]| {
            count = place + 1;
            if let Some(Some(column)) = columns.get(place)
                && !column.form.is_some_and(|form| form.fits(text))
            {
                self.look(*column, text, record);
            }
        };
        if has_quotes {
            let fields = csv_record::fields(record, delimiter);
            for (place, text) in fields.iter().enumerate() {
                look(place, text.as_bytes());
            }
        } else {
            let record = record.strip_suffix(b"\n").unwrap_or(record);
            let mut start = 0;
            let ends = memchr_iter(delimiter, record).chain([record.len()]);
            for (place, end) in ends.enumerate() {
                look(place, &record[start..end]);
                start = end + 1;
            }
        }
        self.simple &= !has_quotes
            && count == columns.len()
            && (2..LONGEST_SIMPLE).contains(&record.len())
            && str::from_utf8(record).is_ok();
        self.columns = Some(columns);
    }

    /// Returns the declared column of a name, if its values must be looked at.
    fn column(&self, name: &String) -> Option<Column> {
        let declared = self.declared.iter().position(|(known, _)| known == name)?;
        let data_type = &self.declared[declared].1;
        let (form, kind) = (Form::of(data_type), Kind::of(data_type));
        (kind.is_some() || form != Some(Form::Text)).then_some(Column {
            declared,
            form,
            kind,
        })
    }

    /// Looks at a value that does not have the canonical form of its column.
    fn look(&mut self, column: Column, text: &[u8], record: &[u8]) {
        if text == self.null_value.as_slice() {
            return;
        }
        self.canonical[column.declared] = false;
        // The last field may end in a carriage return.
        let text = text.trim_ascii_end();
        if let Some(reason) = column.kind.and_then(|kind| kind.loses(text)) {
            self.note(column.declared, reason, record);
        }
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
mod tests {
    use arrow_schema::TimeUnit;

    use super::*;

    #[test]
    fn numbers_keep_their_decimals_or_are_told() {
        for exact in [
            "", "7", "-7", " 7 ", "1.0", "1e3", "1.5e1", "10e-1", "0e-9", "1_000", "x", "0x1F",
            ".", "NULL",
        ] {
            assert!(is_exact(exact.as_bytes(), 0), "{exact}");
        }
        for lossy in ["1.5", "-1.5", "+.5", " 1.5", "5e-1", "1.05e1"] {
            assert!(!is_exact(lossy.as_bytes(), 0), "{lossy}");
        }
        assert!(is_exact(b"1.250", 2));
        assert!(is_exact(b"1.2555e2", 2));
        assert!(!is_exact(b"1.255", 2));
        assert!(!is_exact(b"1e-3", 2));
    }

    #[test]
    fn times_keep_their_zone_or_are_told() {
        for kept in [
            "",
            "2019-10-11",
            "2019-10-11 14:55:23",
            "2019-10-11T14:55:23.123456",
            "2019-10-11 14:55:23.123456000",
            "2019-10-11 14:55:23.",
        ] {
            assert_eq!(Kind::Timestamp.loses(kept.as_bytes()), None, "{kept}");
        }
        for lossy in [
            "2019-10-11 14:55:23+01:00",
            "2019-10-11 14:55:23-05",
            "2019-10-11T14:55:23Z",
            "2019-10-11 14:55 UTC",
            "2019-10-11 14:55:23.1234567",
            "2019-10-11 14:55:23.000000001 ",
            "infinity",
            "-Infinity",
        ] {
            assert!(Kind::Timestamp.loses(lossy.as_bytes()).is_some(), "{lossy}");
        }
        for kept in [
            "",
            "2019-10-11 14:55:23+01:00",
            "2019-10-11T14:55:23.123456Z",
            "2019-10-11 14:55:23.1234560-05",
            "2019-10-11 14:55:23 Europe/London",
        ] {
            assert_eq!(Kind::Instant.loses(kept.as_bytes()), None, "{kept}");
        }
        for lossy in [
            "2019-10-11 14:55:23.123456789+01:00",
            "2019-10-11T14:55:23.0000001Z",
            "infinity",
        ] {
            assert!(Kind::Instant.loses(lossy.as_bytes()).is_some(), "{lossy}");
        }
        for kept in ["2019-10-11", "2019-10-11 00:00:00", "2019-10-11T00:00"] {
            assert_eq!(Kind::Date.loses(kept.as_bytes()), None, "{kept}");
        }
        assert!(Kind::Date.loses(b"2019-10-11 14:55:23").is_some());
    }

    fn scan(columns: &[(&str, DataType)]) -> LossyScan {
        let field =
            |(name, data_type): &(&str, DataType)| Field::new(*name, data_type.clone(), true);
        LossyScan::new(&FileSource {
            format: SourceFormat::Csv {
                delimiter: ',',
                null_value: "-1.5".to_owned(),
            },
            columns: columns.iter().map(field).collect(),
            ignore_extra_columns: true,
            accept_missing_line_end: false,
        })
    }

    #[test]
    fn pieces_of_any_size_with_and_without_quotes_say_the_same() {
        let rows = [
            ["1", "a", "2019-10-11 14:55:23"],
            ["-1.5", "1.5", "2019-10-11"],
            ["2.0", "", ""],
            ["3", "b.5", "2019-10-11 14:55:23.1234567"],
            ["4.25", "c", "infinity"],
            ["5.5", "", "2019-10-11 14:55:23Z"],
        ];
        let columns = [
            ("id", DataType::Int64),
            ("name", DataType::Utf8),
            ("at", DataType::Timestamp(TimeUnit::Microsecond, None)),
        ];
        for line_end in ["\n", "\r\n"] {
            // A value of the third column may be quoted, or one of the second.
            for quoted in [[].as_slice(), &[0], &[3], &[4], &[5], &[0, 1, 2, 3, 4, 5]] {
                let mut text = format!("id,name,at{line_end}");
                for (number, [id, name, at]) in rows.iter().enumerate() {
                    let quote = if quoted.contains(&number) { "\"" } else { "" };
                    text.extend([id, ",", name, ",", quote, at, quote, line_end]);
                }
                for size in 1..=text.len() {
                    let mut scan = scan(&columns);
                    text.as_bytes()
                        .chunks(size)
                        .for_each(|piece| scan.add(piece));
                    let found = scan.finish();
                    let mut places: Vec<_> = found.iter().map(|f| (f.column, f.line)).collect();
                    places.sort_unstable();
                    assert_eq!(places, [(0, 6), (2, 5)], "{text} in pieces of {size}");
                    assert!(
                        found.iter().all(|f| f.raw.starts_with(['3', '4'])),
                        "{found:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_follows_a_record_that_is_too_long_is_looked_at() {
        let mut scan = scan(&[("id", DataType::Int64)]);
        let long = "x".repeat(2 * LONGEST);
        // The line end in the quotes of the long one is not its end.
        let text = format!("name,id\na,1\n\"{long}\n\",2.5\nb,1.5\n");
        for piece in text.as_bytes().chunks(1 << 16) {
            scan.add(piece);
        }
        let found = scan.finish();
        let raw: Vec<_> = found.iter().map(|found| found.raw.as_str()).collect();
        assert_eq!(raw, ["b,1.5"]);
        assert_eq!(found[0].line, 5);
    }
}
