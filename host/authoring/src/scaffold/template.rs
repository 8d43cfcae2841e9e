//! What a template is made of: files, and words that are filled in.

use wigeon_runtime::Kind;

/// A file of a project, as its template has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct File {
    /// Where it goes, relative to the project.
    pub(super) path: &'static str,
    /// Where it comes from, relative to `templates`.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "a test finds files that nobody hands out")
    )]
    pub(super) template: &'static str,
    /// What is in it: text with placeholders, or bytes.
    pub(super) contents: &'static [u8],
}

/// The file at a path in the project, from a path in `templates`.
macro_rules! file {
    ($path:expr, $($template:expr),+) => {
        $crate::scaffold::template::File {
            path: $path,
            template: concat!($($template),+),
            contents: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/", $($template),+)),
        }
    };
}
pub(super) use file;

/// What differs from one language to the next.
#[derive(Debug)]
pub(super) struct LanguageTemplate {
    /// What `plugin.toml` says of the build.
    pub(super) build: File,
    /// What the README says of the build.
    pub(super) building: File,
    /// What the README says of the files, as rows of a table.
    pub(super) table: File,
    /// The files of every kind.
    pub(super) shared: &'static [File],
    /// The files of one kind.
    pub(super) of_kind: fn(Kind) -> &'static [File],
}

/// Words that stand for placeholders such as `{{name}}`.
#[derive(Debug, Default)]
pub(super) struct Words(Vec<(&'static str, String)>);

impl Words {
    /// Adds the words for a placeholder. They may hold placeholders that were added before.
    pub(super) fn add(&mut self, placeholder: &'static str, words: &str) {
        let words = self.fill(words);
        self.0.push((placeholder, words));
    }

    /// Replaces every placeholder that is known.
    pub(super) fn fill(&self, text: &str) -> String {
        let words = self.0.iter();
        words.fold(text.to_owned(), |text, (placeholder, words)| {
            text.replace(&format!("{{{{{placeholder}}}}}"), words)
        })
    }

    /// Fills a file in, if it is text.
    pub(super) fn fill_bytes(&self, contents: &[u8]) -> Vec<u8> {
        match std::str::from_utf8(contents) {
            Ok(text) => self.fill(text).into_bytes(),
            Err(_) => contents.to_owned(),
        }
    }
}

impl File {
    /// Returns the text of a file that is text.
    pub(super) fn text(&self) -> &'static str {
        std::str::from_utf8(self.contents).expect("a test reads the texts of every template")
    }
}
