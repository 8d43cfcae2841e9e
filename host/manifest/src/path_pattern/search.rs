//! From the path of a file to the numbers in it.

use std::collections::BTreeSet;

use chrono::{NaiveDate, NaiveDateTime};

use super::{Part, PathPattern, Unit};

impl PathPattern {
    /// Returns the numbers in a path, if the pattern covers all of it.
    pub(super) fn find(&self, path: &str) -> Option<Found> {
        let path = normalized(path);
        let mut search = Search {
            parts: &self.parts,
            path: &path,
            dead_ends: BTreeSet::new(),
        };
        search.from(0, 0, Found::default())
    }
}

/// The numbers read so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found {
    year: Option<u32>,
    month: Option<u32>,
    day: Option<u32>,
    hour: Option<u32>,
}

impl Found {
    pub(super) fn time(self) -> Option<NaiveDateTime> {
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
