//! What every good plugin of a kind holds, whatever it computes. Tried on the rows of each case.
//!
//! The contract says that rows come in no order, in batches of any size, and that the keys are
//! spread over any number of instances. So none of that may show in what is emitted. Rows are
//! compared as a set: the order of the output is promised by no kind.

use std::fmt::Write as _;

use wigeon_runtime::Kind;

use crate::{
    case::input_names,
    execute::{Failure, Layout, Output, Subject},
    grow::grown,
    input::{Input, Side},
    laws,
    rows::to_csv,
    shrink::smallest,
    table::{difference, table, text_rows},
};

/// How many rows the largest input has.
const MANY_ROWS: usize = 100_000;
/// How many rows a counterexample may have to be printed whole.
const MOST_SHOWN_ROWS: usize = 50;

/// A property of plugins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Property {
    Twice,
    Batches,
    Lanes,
    Order,
    Empty,
    OneRow,
    Nulls,
    ManyRows,
}

impl Property {
    /// All properties, those that are quickly tried first.
    pub(crate) const ALL: [Self; 8] = [
        Self::Twice,
        Self::Batches,
        Self::Lanes,
        Self::Order,
        Self::Empty,
        Self::OneRow,
        Self::Nulls,
        Self::ManyRows,
    ];

    /// Returns the name, as reports have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Twice => "running twice gives the same rows",
            Self::Batches => "the size of batches does not show",
            Self::Lanes => "the number of lanes does not show",
            Self::Order => "the order of the input does not show",
            Self::Empty => "an input without rows is worked with",
            Self::OneRow => "an input of one row is worked with",
            Self::Nulls => "an input of nulls is worked with",
            Self::ManyRows => "100,000 rows are worked with",
        }
    }

    /// Returns what an input fails with, or none if the property holds for it.
    fn complaint(self, subject: Subject<'_>, input: &Input) -> Option<String> {
        let usual = Layout::default();
        let compare = |name: &str, other: &Input, layout: Layout| {
            let expected = outcome(subject, input, usual);
            let actual = outcome(subject, other, layout);
            unlike(&expected, &actual).map(|difference| format!("{name}:\n{difference}"))
        };
        match self {
            Self::Twice => compare("the second run", input, usual),
            Self::Batches => [1, 2, 3, 7].into_iter().find_map(|batch_rows| {
                let name = format!("with batches of at most {batch_rows} rows");
                compare(
                    &name,
                    input,
                    Layout {
                        batch_rows,
                        ..usual
                    },
                )
            }),
            Self::Lanes => (2..=4).find_map(|lanes| {
                // Small batches, so that a transform's instances all get some.
                let layout = Layout {
                    batch_rows: 3,
                    lanes,
                    ..usual
                };
                compare(&format!("with {lanes} lanes"), input, layout)
            }),
            Self::Order => [None, Some(0x9e37_79b9), Some(0x51ab)]
                .into_iter()
                .find_map(|seed| {
                    let other = input.shuffled(seed).ok()?;
                    let name = seed.map_or(
                        "with the rows in the opposite order",
                        |_| "with the rows in another order",
                    );
                    compare(name, &other, usual)
                }),
            Self::Empty => emptied(input)
                .iter()
                .find_map(|input| without_rows(subject, input)),
            Self::OneRow => (0..).take(input.second.num_rows()).find_map(|row| {
                let one = input.with_rows(Side::Second, &[row]).ok()?;
                broken(&outcome(subject, &one, usual))
            }),
            Self::Nulls => {
                let nulls = input.with_nulls().ok()?;
                broken(&outcome(subject, &nulls, usual))
            }
            Self::ManyRows => {
                let many = outcome(subject, input, usual);
                broken(&many).or_else(|| {
                    let layout = Layout {
                        batch_rows: 1_000,
                        lanes: 2,
                        ..usual
                    };
                    let other = outcome(subject, input, layout);
                    unlike(&many, &other).map(|d| format!("with other batches, in 2 lanes:\n{d}"))
                })
            }
        }
    }
}

/// Returns an input without rows to work on, without rows that are kept first, and without any.
fn emptied(input: &Input) -> Vec<Input> {
    let mut emptied = vec![input.without(&[Side::Second])];
    if input.first.is_some() {
        emptied.push(input.without(&[Side::First]));
        emptied.push(input.without(&[Side::First, Side::Second]));
    }
    emptied
}

/// Returns what an input with an empty side fails with: as no batch, or as one without rows.
fn without_rows(subject: Subject<'_>, input: &Input) -> Option<String> {
    let usual = Layout::default();
    let empty_batch = Layout {
        empty_batch: true,
        ..usual
    };
    let without = outcome(subject, input, usual);
    let with_batch = outcome(subject, input, empty_batch);
    let complaint = broken(&without)
        .or_else(|| broken(&with_batch))
        .or_else(|| {
            unlike(&without, &with_batch).map(|d| format!("with a batch of no rows:\n{d}"))
        })?;
    let (first, second) = input_names(subject.plugin.kind());
    // A transform has one input: there is no other that it could be.
    let Some(first) = first else {
        return Some(complaint);
    };
    let empty: Vec<_> = [(first, Side::First), (second, Side::Second)]
        .into_iter()
        .filter(|(_, side)| input.rows_of(*side) == 0)
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    Some(format!(
        "without rows in {}:\n{complaint}",
        empty.join(" and ")
    ))
}

/// What a run came to.
enum Outcome {
    Rows {
        /// The rows as a table, in an order of their own.
        table: String,
    },
    /// The plugin answered with an error, which it may.
    Answered(String),
    /// What no plugin may do.
    Broken(String),
}

fn outcome(subject: Subject<'_>, input: &Input, layout: Layout) -> Outcome {
    match subject.run(input, layout) {
        Ok(output) => settled(subject.plugin.kind(), input, &output),
        Err(failure) => failed(&failure),
    }
}

fn settled(kind: Kind, input: &Input, output: &Output) -> Outcome {
    match laws::broken(kind, input, output) {
        Ok(Some(law)) => return Outcome::Broken(law),
        Err(error) => return Outcome::Broken(error.to_string()),
        Ok(None) => {}
    }
    match text_rows(&output.batches) {
        Ok(mut rows) => {
            rows.sort_unstable();
            Outcome::Rows {
                table: table(&output.schema, &rows),
            }
        }
        Err(error) => Outcome::Broken(error.to_string()),
    }
}

fn failed(failure: &Failure) -> Outcome {
    match failure.answer() {
        Some(answer) => Outcome::Answered(answer),
        None => Outcome::Broken(failure.words()),
    }
}

fn broken(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Broken(words) => Some(words.clone()),
        Outcome::Rows { .. } | Outcome::Answered(_) => None,
    }
}

/// Returns how two outcomes differ.
fn unlike(expected: &Outcome, actual: &Outcome) -> Option<String> {
    match (expected, actual) {
        (Outcome::Rows { table }, Outcome::Rows { table: other }) => {
            (table != other).then(|| difference(table, other))
        }
        // Which of several wrong rows is complained of may depend on which comes first.
        (Outcome::Answered(_), Outcome::Answered(_)) => None,
        (Outcome::Broken(words), _) | (_, Outcome::Broken(words)) => Some(words.clone()),
        (Outcome::Rows { .. }, Outcome::Answered(answer)) => Some(answer.clone()),
        (Outcome::Answered(answer), Outcome::Rows { .. }) => {
            Some(format!("there is an output, but otherwise\n{answer}"))
        }
    }
}

/// Tries a property on the rows of a case, and returns how it fails: what is wrong, and the smallest
/// input found with which it is.
///
/// # Errors
///
/// Why the property cannot be tried on this case.
pub(crate) fn tried(
    property: Property,
    subject: Subject<'_>,
    input: &Input,
) -> Result<Option<String>, String> {
    let input = match property {
        Property::ManyRows => {
            let grown = grown(input, MANY_ROWS)?;
            if let Some(complaint) = wrong_count(subject, input, grown.copies) {
                return Ok(Some(complaint));
            }
            grown.input
        }
        _ => input.clone(),
    };
    let Some(complaint) = property.complaint(subject, &input) else {
        return Ok(None);
    };
    let fails = |input: &Input| property.complaint(subject, input);
    let (input, complaint) = smallest(input, complaint, fails);
    let shown = shown(subject.plugin.kind(), &input);
    Ok(Some(format!("{}\n{shown}", complaint.trim_end())))
}

/// Says that copies of the rows, under keys of their own, come to another number of rows than the
/// rows themselves, for as few copies and rows as are found.
fn wrong_count(subject: Subject<'_>, input: &Input, most_copies: usize) -> Option<String> {
    let counted = |input: &Input, copies: usize| {
        let many = grown(input, input.second.num_rows() * copies).ok()?;
        let one = subject.run(input, Layout::default()).ok()?.rows();
        let all = subject.run(&many.input, Layout::default()).ok()?.rows();
        let wanted = one * copies;
        (all != wanted)
            .then(|| format!("{copies} copies of these rows come to {all} rows, not to {wanted}"))
    };
    counted(input, most_copies)?;
    let powers = (1..).map(|power| 1 << power);
    let fewer = powers.take_while(|&copies| copies < most_copies);
    let copies = fewer.chain([most_copies]);
    let (copies, complaint) = copies.into_iter().find_map(|copies| {
        let complaint = counted(input, copies)?;
        Some((copies, complaint))
    })?;
    let fails = |input: &Input| counted(input, copies);
    let (input, mut complaint) = smallest(input.clone(), complaint, fails);
    if !input.second_key.is_empty() {
        complaint.push_str("; each copy has keys of its own");
    }
    let shown = shown(subject.plugin.kind(), &input);
    Some(format!("{complaint}\n{shown}"))
}

/// Returns an input as the CSV files of a case.
fn shown(kind: Kind, input: &Input) -> String {
    let (first, second) = input_names(kind);
    let mut text = "the smallest input found:\n".to_owned();
    let mut file = |name: &str, rows: &arrow_array::RecordBatch| {
        let shown = rows.slice(0, rows.num_rows().min(MOST_SHOWN_ROWS));
        // Writing into a `String` cannot fail.
        let _ = write!(text, "{name}.csv\n{}", indented(&to_csv(&shown)));
        if shown.num_rows() < rows.num_rows() {
            let more = rows.num_rows() - shown.num_rows();
            let _ = writeln!(text, "  … {more} rows more");
        }
    };
    if let (Some(name), Some(rows)) = (first, &input.first) {
        file(name, rows);
    }
    file(second, &input.second);
    text
}

fn indented(text: &str) -> String {
    text.lines().flat_map(|line| ["  ", line, "\n"]).collect()
}
