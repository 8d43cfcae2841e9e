//! `check` answers whatever it is given.

use proptest::prelude::*;
use wigeon_manifest::{Diagnostic, PathPattern, check};

const FLAGSHIP: &str = include_str!("golden/pageviews_postcode.toml");
const EVERYTHING: &str = include_str!("golden/everything.toml");

/// Checks a text and reads all of the answer.
fn answer(text: &str) {
    match check("pipeline.toml", text) {
        Ok(pipeline) => {
            for step in pipeline.steps() {
                assert!(pipeline.source_of(step).1.len() <= pipeline.steps().len());
                assert!(text.get(step.options_span.clone()).is_some());
                assert!(text.get(step.span.clone()).is_some());
            }
        }
        Err(report) => {
            assert!(!report.diagnostics().is_empty());
            assert!(!report.to_text().is_empty());
            assert!(report.diagnostics().is_sorted_by_key(Diagnostic::offset));
            for label in report.diagnostics().iter().flat_map(|d| &d.labels) {
                assert!(text.get(label.span.clone()).is_some());
            }
        }
    }
}

/// A change to a text: lines or words dropped, doubled, swapped or replaced.
#[derive(Debug, Clone)]
enum Change {
    DropLine(usize),
    DoubleLine(usize),
    SwapLines(usize, usize),
    ReplaceWord(usize, &'static str),
    Cut(usize),
    Insert(usize, String),
}

const WORDS: [&str; 22] = [
    "0",
    "-1",
    "1.5",
    "nan",
    "true",
    "\"\"",
    "\"x\"",
    "[]",
    "{}",
    "[[step]]",
    "[step]",
    "snapshot",
    "transform",
    "csv",
    "duckdb",
    "users_extract",
    "current_postcode",
    "pageviews_postcode",
    "id",
    "99999999999999999999",
    "1979-05-27",
    "\"{date}\"",
];

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        any::<usize>().prop_map(Change::DropLine),
        any::<usize>().prop_map(Change::DoubleLine),
        any::<(usize, usize)>().prop_map(|(a, b)| Change::SwapLines(a, b)),
        (any::<usize>(), prop::sample::select(WORDS.to_vec()))
            .prop_map(|(at, word)| Change::ReplaceWord(at, word)),
        any::<usize>().prop_map(Change::Cut),
        (any::<usize>(), "[ -~\n\u{e9}]{0,6}").prop_map(|(at, text)| Change::Insert(at, text)),
    ]
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

fn apply(text: &str, change: &Change) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let count = lines.len().max(1);
    match change {
        Change::DropLine(at) if !lines.is_empty() => {
            lines.remove(at % count);
        }
        Change::DoubleLine(at) if !lines.is_empty() => {
            lines.insert(at % count, lines[at % count]);
        }
        Change::SwapLines(a, b) if !lines.is_empty() => lines.swap(a % count, b % count),
        Change::ReplaceWord(at, word) => {
            let starts: Vec<usize> = text
                .match_indices(is_word)
                .map(|(index, _)| index)
                .filter(|index| !text[..*index].ends_with(is_word))
                .collect();
            if starts.is_empty() {
                return text.to_owned();
            }
            let start = starts[at % starts.len()];
            let length = text[start..].find(|c| !is_word(c));
            let end = length.map_or(text.len(), |length| start + length);
            return format!("{}{word}{}", &text[..start], &text[end..]);
        }
        Change::Cut(at) => {
            let mut end = at % (text.len() + 1);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            return text[..end].to_owned();
        }
        Change::Insert(at, inserted) => {
            let mut place = at % (text.len() + 1);
            while !text.is_char_boundary(place) {
                place -= 1;
            }
            return format!("{}{inserted}{}", &text[..place], &text[place..]);
        }
        _ => {}
    }
    lines.join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn any_text_has_an_answer(text in "\\PC*|(manifest_version = 1\n)?([-a-z_=\\[\\]{}.\"'0-9 \n#,]{0,60})") {
        answer(&text);
    }

    #[test]
    fn a_changed_manifest_has_an_answer(
        everything in any::<bool>(),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let mut text = if everything { EVERYTHING } else { FLAGSHIP }.to_owned();
        for change in &changes {
            text = apply(&text, change);
        }
        answer(&text);
    }

    #[test]
    fn any_text_is_a_pattern_or_not(pattern in "[-a*{}date:hour%YmdH/.\\[?]{0,24}", path in "[-a/.0-9]{0,24}") {
        if let Ok(pattern) = pattern.parse::<PathPattern>() {
            let _ = pattern.time_of(&path);
            prop_assert!(!pattern.glob().contains("**"));
        }
    }

    #[test]
    fn a_pattern_reads_the_date_that_was_written_with_it(
        prefix in "[a-z_]{0,4}",
        date in (1000..9999i32, 1..=365u32),
        hour in 0..24u32,
    ) {
        let date = chrono::NaiveDate::from_yo_opt(date.0, date.1).unwrap();
        for format in ["%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%d.%m.%Y"] {
            let pattern: PathPattern = format!("in/{prefix}*_{{date:{format}}}_{{hour}}.csv").parse().unwrap();
            let path = format!("in/{prefix}x_{}_{hour:02}.csv", date.format(format));
            prop_assert_eq!(pattern.time_of(&path), date.and_hms_opt(hour, 0, 0));
        }
    }
}
