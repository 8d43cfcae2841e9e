//! `docs/plugins/reference.md` is made from the WIT.
//!
//! The files are read line by line, as they are written: one declaration on a line, its
//! documentation in front of it. The runtime's bindings are what checks that they are good WIT.

use std::fmt::Write as _;

use fs_err as fs;
use wigeon_tests::workspace;

use crate::assert_current;

const FILES: [&str; 7] = [
    "columnar",
    "output",
    "about",
    "transform",
    "snapshot",
    "incremental",
    "change-detection",
];

const HEADER: &str = "# Reference

Every interface of the contract, in the order of the files in [`wit/`](../../wit), from which a test makes this page: edit those. For which language
calls what by which name, see the page of the [language](README.md).

";

#[test]
fn the_reference_says_what_the_wit_says() {
    let mut page = HEADER.to_owned();
    for file in FILES {
        let path = workspace().join("wit").join(file).with_extension("wit");
        let text = fs::read_to_string(path).expect("a file of the contract");
        Reader::default().read(&text, &mut page);
    }
    let page = page.trim_end().to_owned() + "\n";
    for interface in ["columnar", "output", "failure", "incremental-step"] {
        assert!(page.contains(&format!("## Interface `{interface}`")));
    }
    assert_current(
        &workspace().join("docs/plugins/reference.md"),
        page.as_bytes(),
    );
}

/// What has been read of a file, as far as the next line needs it.
#[derive(Default)]
struct Reader {
    docs: Vec<String>,
    /// The records and resources that are open, outermost first, each with its name.
    open: Vec<(&'static str, String)>,
}

impl Reader {
    fn read(&mut self, text: &str, page: &mut String) {
        for line in text.lines().map(str::trim) {
            if let Some(docs) = line.strip_prefix("///") {
                self.docs
                    .push(docs.strip_prefix(' ').unwrap_or(docs).to_owned());
            } else if !line.is_empty() && !line.starts_with('@') {
                self.declaration(line, page)
                    .expect("a string takes everything");
            }
        }
        assert!(self.open.is_empty(), "{:?} is not closed", self.open);
    }

    fn declaration(&mut self, line: &str, page: &mut String) -> std::fmt::Result {
        let docs = std::mem::take(&mut self.docs);
        if let Some(package) = line.strip_prefix("package ") {
            let package = package.trim_end_matches(';');
            return writeln!(page, "Package `{package}`.\n\n{}\n", docs.join("\n"));
        }
        if line == "}" {
            let closed = self.open.pop().expect("what is closed was open");
            // A table or a list ends with its members; a function has ended already.
            if !matches!(closed.0, "interface" | "resource") {
                page.push('\n');
            }
            return Ok(());
        }
        if let Some(opened) = line.strip_suffix(" {") {
            return self.opened(opened, &docs, page);
        }
        let (within, name) = self.open.last().cloned().expect("a member has an owner");
        match within {
            "record" => {
                let (field, kind) = line
                    .trim_end_matches(',')
                    .split_once(": ")
                    .expect("a field");
                writeln!(page, "| `{field}` | `{kind}` | {} |", docs.join(" "))
            }
            "variant" | "enum" => {
                let case = line.trim_end_matches(',');
                writeln!(page, "| `{case}` | {} |", docs.join(" "))
            }
            "world" => writeln!(page, "- `{}`", line.trim_end_matches(';')),
            _ if line.starts_with("use ") => writeln!(page, "`{line}`\n"),
            _ => {
                let (function, _) = line.split_once(": ").expect("a function");
                let (level, owner) = match within {
                    "resource" => ("####", format!("{name}.")),
                    _ => ("###", String::new()),
                };
                let docs = docs.join("\n");
                writeln!(
                    page,
                    "{level} `{owner}{function}`\n\n```wit\n{line}\n```\n\n{docs}\n"
                )
            }
        }
    }

    /// An interface, a world, or a type with members.
    fn opened(&mut self, opened: &str, docs: &[String], page: &mut String) -> std::fmt::Result {
        let (kind, name) = opened.split_once(' ').expect("a kind and a name");
        let (kind, title) = match kind {
            "interface" => ("interface", "## Interface"),
            "world" => ("world", "## World"),
            "record" => ("record", "### Record"),
            "variant" => ("variant", "### Variant"),
            "enum" => ("enum", "### Enum"),
            "resource" => ("resource", "### Resource"),
            other => panic!("the reference does not know what a {other} is"),
        };
        self.open.push((kind, name.to_owned()));
        writeln!(page, "{title} `{name}`\n\n{}\n", docs.join("\n"))?;
        match kind {
            "record" => page.push_str("| field | type | |\n|---|---|---|\n"),
            "variant" | "enum" => page.push_str("| case | |\n|---|---|\n"),
            _ => {}
        }
        Ok(())
    }
}
