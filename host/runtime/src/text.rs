//! What strangers say, made fit to be shown.

/// How long a line of the log, or an error's text, may be in bytes.
pub(crate) const TEXT_BYTES: usize = 1_024;

/// Returns text on one line that says nothing to a terminal: control characters are escaped, and
/// so are those that change the direction in which others are read.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if is_obeyed(character) {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Returns text as [`escaped`] does, but keeps its lines and its tabs.
pub fn escaped_lines(text: &str) -> String {
    let kept = |part: &str| part.split('\t').map(escaped).collect::<Vec<_>>().join("\t");
    text.split('\n').map(kept).collect::<Vec<_>>().join("\n")
}

/// Cuts a plugin's text, and escapes it.
pub(crate) fn printable(text: &str) -> String {
    let end = text.floor_char_boundary(TEXT_BYTES);
    let cut = if end < text.len() { "…" } else { "" };
    escaped(&text[..end]) + cut
}

/// Says whether a terminal, or whoever lays a line out, does something at a character instead of
/// showing it.
fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        for (text, shown) in [
            ("plain, «ü» and 漢", "plain, «ü» and 漢"),
            ("a\nb\tc\rd", r"a\nb\tc\rd"),
            ("\u{1b}[31mred", r"\u{1b}[31mred"),
            ("\u{9b}31m\0\u{7f}", r"\u{9b}31m\u{0}\u{7f}"),
            ("user\u{202e}txt.exe", r"user\u{202e}txt.exe"),
            (
                "\u{2066}a\u{2069}\u{200f}\u{2028}",
                r"\u{2066}a\u{2069}\u{200f}\u{2028}",
            ),
        ] {
            assert_eq!(escaped(text), shown);
        }
    }

    #[test]
    fn lines_and_tabs_may_be_kept() {
        assert_eq!(escaped_lines("a\n\tb\u{1b}\r\n"), "a\n\tb\\u{1b}\\r\n");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(printable(&"x".repeat(1_024)), "x".repeat(1_024));
        assert_eq!(printable(&"x".repeat(1_025)), "x".repeat(1_024) + "…");
        assert_eq!(printable(&"ü".repeat(600)), "ü".repeat(512) + "…");
        assert_eq!(
            printable(&("x".to_owned() + &"ü".repeat(600))),
            "x".to_owned() + &"ü".repeat(511) + "…"
        );
    }
}
