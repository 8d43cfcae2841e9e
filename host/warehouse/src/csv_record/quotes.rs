//! What the quotes of a CSV file mean for reading it.

use memchr::memchr;

use super::{BYTE_ORDER_MARK, Records, State};

/// Bytes that are looked through for a quote before each of them is looked at.
const STRIDE: usize = 1 << 12;

/// What the quotes of a file mean for reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quotes {
    /// Whether a record ends at every line feed and every quote delimits a field.
    pub(crate) plain: bool,
    /// Whether the last record ends in a quoted field.
    pub(crate) unclosed: bool,
}

/// Looks at the quotes of a file, piece by piece.
#[derive(Debug)]
pub(crate) struct QuoteScan {
    records: Records,
    state: State,
    plain: bool,
    started: bool,
}

impl QuoteScan {
    pub(crate) fn new(delimiter: u8) -> Self {
        Self {
            records: Records::Csv(delimiter),
            state: State::FieldStart,
            plain: true,
            started: false,
        }
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        // A mark that is split between two pieces is not recognised: nobody reads so little.
        let bytes = if self.started {
            bytes
        } else {
            bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
        };
        self.started |= !bytes.is_empty();
        for stride in bytes.chunks(STRIDE) {
            let skipped = if self.state == State::Quoted || memchr(b'"', stride).is_some() {
                0
            } else {
                // Without a quote, the last three bytes decide on the state.
                stride.len().saturating_sub(3)
            };
            if skipped > 0 {
                self.state = State::Unquoted;
            }
            for byte in &stride[skipped..] {
                let before = self.state;
                let ends;
                (self.state, ends) = self.records.next(before, *byte);
                let quoted_line_feed = *byte == b'\n' && !ends;
                let loose_quote = *byte == b'"' && self.state == State::Unquoted;
                self.plain &= !quoted_line_feed && !loose_quote;
            }
        }
    }

    pub(crate) fn finish(self) -> Quotes {
        Quotes {
            plain: self.plain,
            unclosed: self.state == State::Quoted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotes(text: &str) -> (bool, bool) {
        let mut scan = QuoteScan::new(b',');
        scan.add(text.as_bytes());
        let quotes = scan.finish();
        (quotes.plain, quotes.unclosed)
    }

    #[test]
    fn quotes_are_taken_as_duckdb_takes_them() {
        assert_eq!(quotes("a,b\n1,\"x\"\n"), (true, false));
        assert_eq!(quotes("a,b\n1,\"x\"\"y\"\n2, \"z\" \n"), (true, false));
        assert_eq!(quotes("\u{feff}\"a\",b\n1,x\n"), (true, false));
        assert_eq!(quotes("a,b\n1,\"x\n\"\n"), (false, false));
        assert_eq!(quotes("a,b\n1,\"\"\"\n\"\n"), (false, false));
        assert_eq!(quotes("a,b\n1,5\" x\n2,y\n"), (false, false));
        assert_eq!(quotes("a,b\n1,  \"x\n2,y\"\n"), (false, false));
        assert_eq!(quotes("a,b\n1,\"x"), (true, true));
        assert_eq!(quotes("a,b\n1,\"x\n2,y\n"), (false, true));
    }

    #[test]
    fn strides_without_quotes_are_skipped() {
        for length in STRIDE - 6..STRIDE + 6 {
            let start = format!("a,b\n{}", "x".repeat(length - 4));
            assert_eq!(quotes(&format!("{start}\"\n")), (false, false), "{length}");
            assert_eq!(quotes(&format!("{start},\"\n")), (false, true), "{length}");
            assert_eq!(
                quotes(&format!("{start}, \"y\"\n")),
                (true, false),
                "{length}"
            );
            assert_eq!(
                quotes(&format!("{start},  \"y\"\n")),
                (false, false),
                "{length}"
            );
        }
    }
}
