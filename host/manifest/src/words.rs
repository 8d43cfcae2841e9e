//! How names, lists and suggestions are worded in messages.

use std::fmt::Write as _;

/// Longest word for which a similar one is looked for; the search takes the product of lengths.
const LONGEST_SUGGESTED: usize = 100;

/// Returns `text` in backticks, with control characters escaped so that it stays on one line.
pub(crate) fn printable(text: &str) -> String {
    if text.is_empty() {
        return "the empty text".to_owned();
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('`');
    for c in text.chars() {
        if c.is_control() {
            // Writing into a `String` cannot fail.
            let _ = write!(quoted, "{}", c.escape_default());
        } else {
            quoted.push(c);
        }
    }
    quoted.push('`');
    quoted
}

/// Returns a count with its noun: `1 column`, `2 columns`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

/// Returns words as a phrase: "a, b and c".
pub(crate) fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Returns the word that was probably meant.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.chars().count() > LONGEST_SUGGESTED {
        return None;
    }
    let word = word.to_lowercase();
    let furthest = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .filter(|known| known.len() <= LONGEST_SUGGESTED)
        .map(|known| {
            let distance = strsim::damerau_levenshtein(&word, &known.to_lowercase());
            (distance, known)
        })
        .filter(|(distance, _)| *distance <= furthest)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Returns the help for a word that is none of `known`: the one that was probably meant, or else
/// all of them. `what` is what they are, in the plural.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
    what: &str,
) -> String {
    if let Some(meant) = nearest(word, known.clone()) {
        return format!("did you mean {}?", printable(meant));
    }
    let known: Vec<String> = known.into_iter().map(printable).collect();
    if known.is_empty() {
        format!("there are no {what}")
    } else {
        format!("the {what} are {}", known.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_similar_word_is_suggested_and_a_different_one_is_not() {
        let known = ["extract_orders", "users", "id"];
        assert_eq!(nearest("extract_order", known), Some("extract_orders"));
        assert_eq!(nearest("Users", known), Some("users"));
        assert_eq!(nearest("sales", known), None);
        assert_eq!(nearest(&"u".repeat(1000), known), None);
    }

    #[test]
    fn without_a_similar_word_all_are_listed() {
        assert_eq!(
            did_you_mean("x", ["abc", "def"], "keys"),
            "the keys are `abc`, `def`"
        );
        assert_eq!(did_you_mean("x", [], "keys"), "there are no keys");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
        assert_eq!(printable("a\nb"), "`a\\nb`");
        assert_eq!(printable(""), "the empty text");
    }
}
