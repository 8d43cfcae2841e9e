//! File names with the time in them.
//!
//! A pattern such as `extracts/users_{date}.csv` is used twice: as a glob, to find the files, and
//! backwards, to read the time out of the name of a file that was found. Both come from one parse,
//! so they cannot disagree about what a placeholder covers.

use std::{collections::BTreeSet, fmt, str::FromStr};

use chrono::{NaiveDate, NaiveDateTime};

/// What `{date}` stands for.
const PLAIN_DATE: &str = "%Y-%m-%d";

/// The path of a source's files: text, `*` and the placeholders `{date}` and `{hour}`.
///
/// `*` covers any characters but `/`. `{date}` covers a date as `2019-10-11`, `{date:%Y%m%d}` one
/// in the format given, made of `%Y`, `%m` and `%d`, each once. `{hour}` covers two digits, `00` to
/// `23`. Leading `./` and doubled `/` mean nothing, in the pattern and in the paths matched with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    written: String,
    parts: Vec<Part>,
}

/// A piece of a pattern. Only [`Part::Any`] covers texts of different lengths.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// What stands between the digits of a date.
    InDate(String),
    Any,
    Digits(Unit),
}

/// What a run of digits says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Year,
    Month,
    Day,
    Hour,
}

impl Unit {
    const fn digits(self) -> usize {
        match self {
            Self::Year => 4,
            Self::Month | Self::Day | Self::Hour => 2,
        }
    }
}

/// Why a text is not a path pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathPatternError {
    /// There is no file name in it.
    #[error("a path ends in the name of a file")]
    NoFileName,

    /// A byte that no path has.
    #[error("a path has no control characters")]
    ControlCharacter,

    /// `**`.
    #[error("`*` stands for any characters within one directory, and `**` is not supported")]
    DoubleStar,

    /// A `{` without `}`, or the other way round.
    #[error("`{{` and `}}` are only used for the placeholders `{{date}}` and `{{hour}}`")]
    LoneBrace,

    /// A placeholder that is not known.
    #[error("there is no placeholder `{{{0}}}`, only `{{date}}`, `{{date:%Y%m%d}}` and `{{hour}}`")]
    UnknownPlaceholder(String),

    /// A date format without exactly one each of year, month and day.
    #[error(
        "the date format `{0}` must have `%Y`, `%m` and `%d`, each once, and nothing else after a `%`"
    )]
    DateFormat(String),

    /// A placeholder that stands twice.
    #[error("`{{{0}}}` stands more than once")]
    Repeated(&'static str),

    /// `{hour}` without `{date}`.
    #[error("`{{hour}}` needs a `{{date}}`")]
    HourWithoutDate,
}

impl PathPattern {
    /// Returns the pattern of the files to look at, for the `glob` crate or DuckDB.
    ///
    /// Placeholders become `*`, so it finds more than the pattern covers: [`PathPattern::time_of`]
    /// decides. Characters that mean something in a glob are escaped as `[?]`.
    pub fn glob(&self) -> String {
        let mut glob = Glob::default();
        for part in &self.parts {
            match part {
                Part::Text(text) => text.chars().for_each(|c| glob.push(c)),
                Part::InDate(text) => text.chars().for_each(|c| match c {
                    '/' => glob.push(c),
                    _ => glob.push_star(),
                }),
                Part::Any | Part::Digits(_) => glob.push_star(),
            }
        }
        glob.text
    }

    /// Returns whether file names tell a date.
    pub fn has_time(&self) -> bool {
        self.parts.contains(&Part::Digits(Unit::Day))
    }

    /// Returns whether file names tell an hour as well.
    pub fn has_hour(&self) -> bool {
        self.parts.contains(&Part::Digits(Unit::Hour))
    }

    /// Returns whether the pattern covers all of `path`.
    ///
    /// A name whose digits are no date, such as `2019-02-30`, is not covered.
    pub fn matches(&self, path: &str) -> bool {
        self.find(path).is_some()
    }

    /// Returns the time in the name of a file: its date and hour, or midnight of its date.
    ///
    /// All of `path` must match, written from the same directory as the pattern. If `*` leaves more
    /// than one way, each `*` covers as little as it can, from the left. `None` if the path does not
    /// match or the pattern has no time.
    pub fn time_of(&self, path: &str) -> Option<NaiveDateTime> {
        let found = self.find(path)?;
        if self.has_time() { found.time() } else { None }
    }

    fn find(&self, path: &str) -> Option<Found> {
        let path = normalized(path);
        let mut search = Search {
            parts: &self.parts,
            path: &path,
            dead_ends: BTreeSet::new(),
        };
        search.from(0, 0, Found::default())
    }
}

/// A glob while it is built.
#[derive(Default)]
struct Glob {
    text: String,
    after_star: bool,
}

impl Glob {
    fn push(&mut self, c: char) {
        match c {
            '?' | '[' | ']' => self.text.extend(['[', c, ']']),
            _ => self.text.push(c),
        }
        self.after_star = false;
    }

    /// Adds a star, unless one is just there: two in a row would mean something else.
    fn push_star(&mut self) {
        if !self.after_star {
            self.text.push('*');
        }
        self.after_star = true;
    }
}

/// The numbers read so far.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    year: Option<u32>,
    month: Option<u32>,
    day: Option<u32>,
    hour: Option<u32>,
}

impl Found {
    fn time(self) -> Option<NaiveDateTime> {
        let year = i32::try_from(self.year?).ok()?;
        let date = NaiveDate::from_ymd_opt(year, self.month?, self.day?)?;
        date.and_hms_opt(self.hour.unwrap_or(0), 0, 0)
    }

    /// Returns whether the numbers can be a time, as far as they are known.
    fn is_possible(self) -> bool {
        let complete = self.year.is_some() && self.month.is_some() && self.day.is_some();
        let hour = self.hour.is_none_or(|hour| hour < 24);
        hour && (!complete || self.time().is_some())
    }
}

/// Matches by trying. There is no `*` inside a date, so whether what follows a `*` covers the rest
/// of the path does not depend on the numbers read before: `dead_ends` keeps the search from trying
/// one pair of a part and a place twice, and with it from taking exponential time.
struct Search<'a> {
    parts: &'a [Part],
    path: &'a str,
    dead_ends: BTreeSet<(usize, usize)>,
}

impl Search<'_> {
    fn from(&mut self, part: usize, at: usize, found: Found) -> Option<Found> {
        let Some(next) = self.parts.get(part) else {
            return (at == self.path.len()).then_some(found);
        };
        let rest = &self.path[at..];
        match next {
            Part::Text(text) | Part::InDate(text) => {
                rest.strip_prefix(text.as_str())?;
                self.from(part + 1, at + text.len(), found)
            }
            Part::Digits(unit) => {
                let digits = rest.get(..unit.digits())?;
                if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    return None;
                }
                let number = digits.parse().ok();
                let mut found = found;
                match unit {
                    Unit::Year => found.year = number,
                    Unit::Month => found.month = number,
                    Unit::Day => found.day = number,
                    Unit::Hour => found.hour = number,
                }
                if !found.is_possible() {
                    return None;
                }
                self.from(part + 1, at + unit.digits(), found)
            }
            Part::Any => {
                let end = rest.find('/').unwrap_or(rest.len());
                let starts = rest.char_indices().map(|(index, _)| index);
                for length in starts
                    .chain([rest.len()])
                    .take_while(|length| *length <= end)
                {
                    let place = (part + 1, at + length);
                    if self.dead_ends.contains(&place) {
                        continue;
                    }
                    if let Some(found) = self.from(place.0, place.1, found) {
                        return Some(found);
                    }
                    self.dead_ends.insert(place);
                }
                None
            }
        }
    }
}

/// Returns `path` without `.` directories and doubled `/`.
fn normalized(path: &str) -> String {
    let root = if path.starts_with('/') { "/" } else { "" };
    let names: Vec<&str> = path
        .split('/')
        .filter(|name| !name.is_empty() && *name != ".")
        .collect();
    format!("{root}{}", names.join("/"))
}

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

    /// Drops what means nothing in a path, as [`normalized`] does for the paths to match.
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

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> PathPattern {
        text.parse().unwrap()
    }

    fn time(text: &str, path: &str) -> Option<String> {
        let time = pattern(text).time_of(path)?;
        Some(time.format("%Y-%m-%dT%H").to_string())
    }

    #[test]
    fn the_glob_has_a_star_for_each_run_of_placeholders() {
        for (text, glob) in [
            ("extracts/users_{date}.csv", "extracts/users_*.csv"),
            ("x_{date:%Y%m%d}{hour}.csv", "x_*.csv"),
            ("{date:%Y/%m/%d}/x_{hour}.csv", "*/*/*/x_*.csv"),
            ("*{date}*.csv", "*.csv"),
            ("a?[1]*.csv", "a[?][[]1[]]*.csv"),
            ("./a//b/./c.csv", "a/b/c.csv"),
        ] {
            assert_eq!(pattern(text).glob(), glob, "{text}");
        }
    }

    #[test]
    fn the_time_is_read_from_the_whole_path() {
        let users = "extracts/users_{date}.csv";
        assert_eq!(
            time(users, "extracts/users_2019-10-11.csv").as_deref(),
            Some("2019-10-11T00")
        );
        assert_eq!(
            time(users, "./extracts//users_2019-10-11.csv").as_deref(),
            Some("2019-10-11T00")
        );
        for path in [
            "old/extracts/users_2019-10-11.csv",
            "extracts/users_2019-10-11.csv.gz",
            "extracts/users_2019-02-30.csv",
            "extracts/users_2019-1-11.csv",
            "extracts/users_latest.csv",
        ] {
            assert_eq!(time(users, path), None, "{path}");
        }
        assert_eq!(
            time("{date:%Y/%m/%d}/*_{hour}.csv", "2019/10/11/a_b_14.csv").as_deref(),
            Some("2019-10-11T14")
        );
        assert_eq!(time("v_{date}_{hour}.csv", "v_2019-10-11_24.csv"), None);
        assert_eq!(time("a*.csv", "ab.csv"), None);
        assert!(pattern("a*.csv").matches("ab.csv"));
        assert!(!pattern("a*.csv").matches("a/b.csv"));
    }

    #[test]
    fn a_star_covers_as_little_as_it_can() {
        assert_eq!(
            time("*{date}*", "x2019-10-11y2020-01-01").as_deref(),
            Some("2019-10-11T00")
        );
        assert_eq!(
            time("*{date}*", "x2019-13-11y2020-01-01").as_deref(),
            Some("2020-01-01T00")
        );
    }

    #[test]
    fn many_stars_are_matched_in_reasonable_time() {
        let text = format!("{}b", "*a".repeat(40));
        assert!(!pattern(&text).matches(&"a".repeat(400)));
    }

    #[test]
    fn mistakes_are_told_apart() {
        use PathPatternError as Error;
        for (text, error) in [
            ("", Error::NoFileName),
            ("extracts/", Error::NoFileName),
            ("a\nb", Error::ControlCharacter),
            ("a/**/b.csv", Error::DoubleStar),
            ("a{date", Error::LoneBrace),
            ("a}b", Error::LoneBrace),
            ("{{date}}", Error::LoneBrace),
            ("{day}", Error::UnknownPlaceholder("day".into())),
            ("{hour:%H}", Error::UnknownPlaceholder("hour:%H".into())),
            ("{date:%Y%m}", Error::DateFormat("%Y%m".into())),
            ("{date:%Y%m%d%d}", Error::DateFormat("%Y%m%d%d".into())),
            ("{date:%F}", Error::DateFormat("%F".into())),
            ("{date}_{date}", Error::Repeated("date")),
            ("{date}{hour}{hour}", Error::Repeated("hour")),
            ("a_{hour}", Error::HourWithoutDate),
        ] {
            assert_eq!(text.parse::<PathPattern>(), Err(error), "{text}");
        }
    }
}
