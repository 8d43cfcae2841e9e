//! From a pattern as it is written to its parts.

use std::str::FromStr;

use super::{Part, PathPattern, PathPatternError, Unit};

/// What `{date}` stands for.
const PLAIN_DATE: &str = "%Y-%m-%d";

impl FromStr for PathPattern {
    type Err = PathPatternError;

    fn from_str(written: &str) -> Result<Self, Self::Err> {
        if written.chars().any(char::is_control) {
            return Err(PathPatternError::ControlCharacter);
        }
        if written.trim().is_empty() || written.ends_with('/') || written.ends_with("/.") {
            return Err(PathPatternError::NoFileName);
        }
        let mut parser = Parser::default();
        let (outside, braces) = split_braces(written)?;
        for (index, text) in outside.iter().enumerate() {
            parser.push_text(text)?;
            if let Some(placeholder) = braces.get(index) {
                parser.push_placeholder(placeholder)?;
            }
        }
        let parts = parser.normalized();
        let pattern = Self {
            written: written.to_owned(),
            parts,
        };
        if pattern.has_hour() && !pattern.has_time() {
            return Err(PathPatternError::HourWithoutDate);
        }
        if pattern.parts.is_empty() {
            return Err(PathPatternError::NoFileName);
        }
        Ok(pattern)
    }
}

/// Splits a pattern into what is outside braces and what is inside, in turns.
fn split_braces(written: &str) -> Result<(Vec<&str>, Vec<&str>), PathPatternError> {
    let mut outside = Vec::new();
    let mut inside = Vec::new();
    let mut rest = written;
    while let Some((text, after)) = rest.split_once('{') {
        let (placeholder, after) = after.split_once('}').ok_or(PathPatternError::LoneBrace)?;
        outside.push(text);
        inside.push(placeholder);
        rest = after;
    }
    outside.push(rest);
    if outside.iter().any(|text| text.contains('}')) || inside.iter().any(|text| text.contains('{'))
    {
        return Err(PathPatternError::LoneBrace);
    }
    Ok((outside, inside))
}

/// The parts of a pattern while it is parsed.
#[derive(Default)]
struct Parser {
    parts: Vec<Part>,
    date: bool,
    hour: bool,
}

impl Parser {
    fn push_text(&mut self, text: &str) -> Result<(), PathPatternError> {
        for (index, between) in text.split('*').enumerate() {
            if index > 0 {
                if self.parts.last() == Some(&Part::Any) {
                    return Err(PathPatternError::DoubleStar);
                }
                self.parts.push(Part::Any);
            }
            self.push_literal(between);
        }
        Ok(())
    }

    fn push_literal(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(Part::Text(last)) = self.parts.last_mut() {
            last.push_str(text);
        } else {
            self.parts.push(Part::Text(text.to_owned()));
        }
    }

    fn push_placeholder(&mut self, placeholder: &str) -> Result<(), PathPatternError> {
        match placeholder.split_once(':') {
            None if placeholder == "date" => self.push_date(PLAIN_DATE),
            Some(("date", format)) => self.push_date(format),
            None if placeholder == "hour" => {
                if std::mem::replace(&mut self.hour, true) {
                    return Err(PathPatternError::Repeated("hour"));
                }
                self.parts.push(Part::Digits(Unit::Hour));
                Ok(())
            }
            _ => Err(PathPatternError::UnknownPlaceholder(placeholder.to_owned())),
        }
    }

    fn push_date(&mut self, format: &str) -> Result<(), PathPatternError> {
        if std::mem::replace(&mut self.date, true) {
            return Err(PathPatternError::Repeated("date"));
        }
        let refused = || PathPatternError::DateFormat(format.to_owned());
        let mut units = Vec::new();
        for (index, piece) in format.split('%').enumerate() {
            let text = if index == 0 {
                piece
            } else {
                let mut letters = piece.chars();
                let unit = match letters.next() {
                    Some('Y') => Unit::Year,
                    Some('m') => Unit::Month,
                    Some('d') => Unit::Day,
                    _ => return Err(refused()),
                };
                if units.contains(&unit) {
                    return Err(refused());
                }
                units.push(unit);
                self.parts.push(Part::Digits(unit));
                letters.as_str()
            };
            if text.contains('*') {
                return Err(refused());
            }
            if !text.is_empty() {
                self.parts.push(Part::InDate(text.to_owned()));
            }
        }
        if units.len() == 3 {
            Ok(())
        } else {
            Err(refused())
        }
    }

    /// Drops what means nothing in a path, as the search does for the paths to match.
    fn normalized(self) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::with_capacity(self.parts.len());
        for part in self.parts {
            let Part::Text(text) = part else {
                parts.push(part);
                continue;
            };
            let mut kept = text;
            for (redundant, short) in [("//", "/"), ("/./", "/")] {
                while kept.contains(redundant) {
                    kept = kept.replace(redundant, short);
                }
            }
            // A `.` only names a directory if no other part touches it.
            if parts.is_empty() {
                let leading = kept.len() - kept.trim_start_matches("./").len();
                kept.drain(..leading);
            }
            if !kept.is_empty() {
                parts.push(Part::Text(kept));
            }
        }
        parts
    }
}
