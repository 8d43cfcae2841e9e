//! Rows into bytes.
//!
//! A day of the full size is nine gigabytes of text, so rows are put together from
//! ready-made pieces in one buffer; nothing is allocated per row.

use std::io::{self, Write};

use flate2::{Compression, write::GzEncoder};

use crate::{
    settings::Format,
    views::{Time, Url, View},
};

/// The buffer is handed on when it holds this much.
const BUFFER_BYTES: usize = 1 << 17;

/// The longest row is far shorter than this.
const ROW_BYTES: usize = 512;

const SITE: &str = "https://www.example.co.uk/";

const SECTIONS: [&str; 16] = [
    "property", "gardens", "recipes", "football", "cricket", "travel", "books", "films", "theatre",
    "science", "weather", "health", "schools", "markets", "letters", "cycling",
];

const SUBJECTS: [&str; 16] = [
    "a-walk-along",
    "the-best-of",
    "what-is-new-in",
    "ten-reasons-for",
    "an-evening-at",
    "the-story-of",
    "how-to-find",
    "a-guide-to",
    "the-return-of",
    "one-day-in",
    "the-price-of",
    "a-letter-from",
    "the-trouble-with",
    "in-praise-of",
    "the-end-of",
    "lessons-from",
];

/// Where the bytes go.
enum Sink<W: Write> {
    Plain(W),
    Gzip(GzEncoder<W>),
}

impl<W: Write> Sink<W> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(writer) => writer.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
        }
    }
}

/// Writes rows in one format, with its header if it has one.
pub(crate) struct Encoder<W: Write> {
    sink: Sink<W>,
    buffer: Vec<u8>,
    is_csv: bool,
    rows: u64,
}

impl<W: Write> Encoder<W> {
    /// `header` is the first line of a CSV file.
    pub(crate) fn new(writer: W, format: Format, header: &str) -> Self {
        let is_csv = matches!(format, Format::Csv | Format::CsvGz);
        let sink = match format {
            Format::Csv | Format::Ndjson => Sink::Plain(writer),
            Format::CsvGz => Sink::Gzip(GzEncoder::new(writer, Compression::fast())),
        };
        let mut buffer = Vec::with_capacity(BUFFER_BYTES + ROW_BYTES);
        if is_csv {
            buffer.extend_from_slice(header.as_bytes());
            buffer.push(b'\n');
        }
        Self {
            sink,
            buffer,
            is_csv,
            rows: 0,
        }
    }

    pub(crate) fn user(&mut self, id: u64, postcode: Option<&str>) -> io::Result<()> {
        if self.is_csv {
            self.number(id);
            self.text(",");
            self.text(postcode.unwrap_or_default());
            self.text("\n");
        } else {
            self.text(r#"{"id":"#);
            self.number(id);
            self.text(r#","postcode":"#);
            match postcode {
                Some(postcode) => {
                    self.text("\"");
                    self.text(postcode);
                    self.text("\"}\n");
                }
                None => self.text("null}\n"),
            }
        }
        self.row_is_done()
    }

    /// `dates` are written out from [`Time::DAYS_BEFORE_START`] days before day 0 on.
    pub(crate) fn view(&mut self, view: &View, dates: &[String]) -> io::Result<()> {
        if self.is_csv {
            self.number(view.user_id);
            self.text(",");
            self.url(view.url);
            self.text(",");
            self.time(view.time, dates);
            self.text("\n");
        } else {
            self.text(r#"{"user_id":"#);
            self.number(view.user_id);
            self.text(r#","url":""#);
            self.url(view.url);
            self.text(r#"","pageview_datetime":""#);
            self.time(view.time, dates);
            self.text("\"}\n");
        }
        self.row_is_done()
    }

    /// Hands on what is buffered, and returns the number of rows.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        self.sink.write_all(&self.buffer)?;
        match self.sink {
            Sink::Plain(mut writer) => writer.flush()?,
            Sink::Gzip(encoder) => encoder.finish()?.flush()?,
        }
        Ok(self.rows)
    }

    fn row_is_done(&mut self) -> io::Result<()> {
        self.rows += 1;
        if self.buffer.len() >= BUFFER_BYTES {
            self.sink.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    fn url(&mut self, url: Url) {
        match url {
            Url::Page(number) => {
                self.text(SITE);
                self.text(SECTIONS[nibble(number, 60)]);
                self.text("/");
                self.text(SUBJECTS[nibble(number, 56)]);
                self.text("-");
                self.number(1_000_000 + number % 9_000_000);
                self.text(".html");
            }
            Url::Search => {
                // A CSV field doubles its quotes, a JSON string puts a backslash before them.
                let quote = if self.is_csv { "\"\"" } else { "\\\"" };
                let edge = if self.is_csv { "\"" } else { "" };
                for piece in [
                    edge,
                    SITE,
                    "search?q=",
                    quote,
                    "flats, to let",
                    quote,
                    "&page=2",
                    edge,
                ] {
                    self.text(piece);
                }
            }
        }
    }

    fn time(&mut self, time: Time, dates: &[String]) {
        let day = usize::try_from(time.days()).expect("there are few days");
        let second = time.second_of_day();
        self.text(&dates[day]);
        self.text(" ");
        self.two_digits(second / 3_600);
        self.text(":");
        self.two_digits(second / 60 % 60);
        self.text(":");
        self.two_digits(second % 60);
    }

    fn two_digits(&mut self, number: u64) {
        let digit = |value: u64| b'0' + u8::try_from(value % 10).expect("a digit fits");
        self.buffer
            .extend_from_slice(&[digit(number / 10), digit(number)]);
    }

    fn number(&mut self, number: u64) {
        self.text(itoa::Buffer::new().format(number));
    }

    fn text(&mut self, text: &str) {
        self.buffer.extend_from_slice(text.as_bytes());
    }
}

/// Four bits of `number` as an index.
fn nibble(number: u64, shift: u32) -> usize {
    usize::try_from((number >> shift) & 15).expect("four bits fit")
}
