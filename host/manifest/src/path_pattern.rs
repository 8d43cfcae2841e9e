//! File names with the time in them.
//!
//! A pattern such as `extracts/users_{date}.csv` is used twice: as a glob, to find the files, and
//! backwards, to read the time out of the name of a file that was found. Both come from one parse,
//! so they cannot disagree about what a placeholder covers.

mod parse;
mod search;

use std::fmt;

use chrono::NaiveDateTime;

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
