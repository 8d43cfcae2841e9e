//! Lines whose quotes stand only where RFC 4180 lets them.

use std::{borrow::Cow, ops::Range};

use memchr::{memchr, memchr2, memrchr};

/// A field of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    /// Where it is in the line, without the quotes around it.
    pub(crate) range: Range<usize>,
    /// Whether there are quotes around it. Two quotes in it are one then.
    pub(crate) quoted: bool,
}

/// Takes a line apart that may end in a line feed, and says whether it is a whole record whose quotes
/// are all at the ends of a field, or in pairs between these.
pub(crate) fn regular_fields(line: &[u8], delimiter: u8, fields: &mut Vec<Field>) -> bool {
    fields.clear();
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    if memchr(b'\n', line).is_some() {
        return false;
    }
    let mut begin = 0;
    loop {
        let quoted = line.get(begin) == Some(&b'"');
        let (range, end) = if quoted {
            let Some(close) = closing_quote(line, begin + 1) else {
                return false;
            };
            (begin + 1..close, close + 1)
        } else {
            let end = memchr2(delimiter, b'"', &line[begin..]);
            let end = end.map_or(line.len(), |end| begin + end);
            (begin..end, end)
        };
        fields.push(Field { range, quoted });
        match line.get(end) {
            None => return true,
            Some(byte) if *byte == delimiter => begin = end + 1,
            Some(_) => return false,
        }
    }
}

/// Returns where the quote is that closes a field whose text begins at `begin`.
fn closing_quote(line: &[u8], mut begin: usize) -> Option<usize> {
    loop {
        let quote = begin + memchr(b'"', &line[begin..])?;
        if line.get(quote + 1) != Some(&b'"') {
            return Some(quote);
        }
        begin = quote + 2;
    }
}

/// Returns the text that stands between the quotes around a field.
pub(crate) fn unquoted(field: &str) -> Cow<'_, str> {
    if memchr(b'"', field.as_bytes()).is_none() {
        return Cow::Borrowed(field);
    }
    Cow::Owned(field.replace("\"\"", "\""))
}

/// Parts of a text that ends in a line feed: lines with a quote, one by one, and what is between
/// these.
#[derive(Debug)]
pub(crate) struct Stretches<'a> {
    text: &'a [u8],
    begin: usize,
}

impl<'a> Stretches<'a> {
    pub(crate) fn of(text: &'a [u8]) -> Self {
        Self { text, begin: 0 }
    }
}

impl Iterator for Stretches<'_> {
    /// Where it is, and whether it has quotes.
    type Item = (Range<usize>, bool);

    fn next(&mut self) -> Option<Self::Item> {
        let begin = self.begin;
        let rest = &self.text[begin..];
        let (length, has_quotes) = if let Some(quote) = memchr(b'"', rest) {
            if let Some(line_feed) = memrchr(b'\n', &rest[..quote]) {
                (line_feed + 1, false)
            } else {
                let end = memchr(b'\n', &rest[quote..]);
                (end.map_or(rest.len(), |end| quote + end + 1), true)
            }
        } else {
            (rest.len(), false)
        };
        self.begin += length;
        (length > 0).then_some((begin..begin + length, has_quotes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str) -> Option<Vec<(&str, bool)>> {
        let mut fields = vec![];
        let regular = regular_fields(line.as_bytes(), b',', &mut fields);
        let text = |field: Field| (&line[field.range], field.quoted);
        regular.then(|| fields.into_iter().map(text).collect())
    }

    #[test]
    fn a_line_with_quotes_where_they_may_be_is_taken_apart() {
        let (plain, quoted) = (false, true);
        for (line, expected) in [
            ("a,\"b\"\n", vec![("a", plain), ("b", quoted)]),
            ("\"a,\",b", vec![("a,", quoted), ("b", plain)]),
            ("\"\",\n", vec![("", quoted), ("", plain)]),
            (",\"\"\n", vec![("", plain), ("", quoted)]),
            ("\"\"\"\"\n", vec![("\"\"", quoted)]),
            ("\"a\"\"b\"\"\"\n", vec![("a\"\"b\"\"", quoted)]),
            ("\n", vec![("", plain)]),
        ] {
            assert_eq!(fields(line), Some(expected), "{line}");
        }
    }

    #[test]
    fn any_other_quote_is_for_others_to_understand() {
        for line in [
            "a\"\n",
            "a\"b\",c\n",
            " \"a\"\n",
            "\"a\" \n",
            "\"a\n",
            "\"a\"\"\n",
            "\"a\"b\n",
            "b,\"a\n\"\n",
            "\"a\"\r\n",
        ] {
            assert_eq!(fields(line), None, "{line}");
        }
    }

    #[test]
    fn two_quotes_in_a_quoted_field_are_one() {
        assert_eq!(unquoted("a b"), "a b");
        assert_eq!(unquoted("\"\"a\"\"\"\""), "\"a\"\"");
    }

    #[test]
    fn lines_with_quotes_are_on_their_own() {
        let stretches = |text: &'static str| -> Vec<_> {
            let stretches = Stretches::of(text.as_bytes());
            stretches
                .map(|(range, quotes)| (&text[range], quotes))
                .collect()
        };
        assert_eq!(stretches(""), []);
        assert_eq!(stretches("a\nb\n"), [("a\nb\n", false)]);
        assert_eq!(
            stretches("a\nb\n\"c\"\n\"d\"\n\ne\n"),
            [
                ("a\nb\n", false),
                ("\"c\"\n", true),
                ("\"d\"\n", true),
                ("\ne\n", false)
            ]
        );
        assert_eq!(stretches("a,\"b\"\n"), [("a,\"b\"\n", true)]);
    }
}
