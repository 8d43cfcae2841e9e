//! The SDK as a project gets its own copy of it.
//!
//! This program carries the sources of `wigeon-sdk`, and of `wigeon-columnar`, which it needs. In
//! their repository they inherit much from the workspace; in a project there is no such workspace,
//! so their manifests are written out, as `cargo package` would.

use std::borrow::Cow;

use include_dir::{Dir, DirEntry, include_dir};
use toml::{Table, Value};

/// The manifest of the workspace, which those of its crates inherit from.
const WORKSPACE: &str = include_str!("../../../../Cargo.toml");

/// The crates, each with the directory in a project's `vendor`.
const CRATES: [(&str, Dir<'_>); 2] = [
    (
        "wigeon-columnar",
        include_dir!("$CARGO_MANIFEST_DIR/../../columnar"),
    ),
    (
        "wigeon-sdk",
        include_dir!("$CARGO_MANIFEST_DIR/../../plugins/sdk"),
    ),
];

/// What a manifest begins with.
const HEADER: &str = "# Written by `wigeon plugin new`: nothing is inherited from a workspace.\n\n";

/// Returns the files of the copy, each with its path relative to the project.
pub(super) fn files() -> Vec<(String, Cow<'static, [u8]>)> {
    let workspace = parse(WORKSPACE);
    let mut files = vec![];
    for (name, directory) in &CRATES {
        let mut entries: Vec<_> = directory.entries().iter().collect();
        while let Some(entry) = entries.pop() {
            match entry {
                DirEntry::Dir(directory) => entries.extend(directory.entries()),
                DirEntry::File(file) => {
                    let path = format!("vendor/{name}/{}", file.path().display());
                    let contents = file.contents();
                    if file.path().as_os_str() == "Cargo.toml" {
                        let text = std::str::from_utf8(contents).expect("a manifest is text");
                        let manifest = HEADER.to_owned() + &standalone(text, &workspace);
                        files.push((path, manifest.into_bytes().into()));
                    } else {
                        files.push((path, contents.into()));
                    }
                }
            }
        }
    }
    files
}

/// Writes out what the manifest of a crate inherits, and leaves out what its own tests need.
fn standalone(manifest: &str, workspace: &Table) -> String {
    let workspace = table(&workspace["workspace"]);
    let mut manifest = parse(manifest);
    let shared = table(&workspace["package"]);
    for (key, value) in table_mut(&mut manifest["package"]) {
        if inherits(value) {
            *value = shared[key].clone();
        }
    }
    manifest.insert("lints".to_owned(), workspace["lints"].clone());
    manifest.remove("dev-dependencies");

    let shared = table(&workspace["dependencies"]);
    write_out(&mut manifest, shared);
    if let Some(targets) = manifest.get_mut("target") {
        for (_, target) in table_mut(targets) {
            write_out(table_mut(target), shared);
        }
    }
    toml::to_string(&manifest).expect("what was read can be written")
}

/// Writes out the dependencies that are inherited from `shared`.
fn write_out(manifest: &mut Table, shared: &Table) {
    let Some(dependencies) = manifest.get_mut("dependencies") else {
        return;
    };
    for (name, dependency) in table_mut(dependencies) {
        if !inherits(dependency) {
            continue;
        }
        let mut own = match &shared[name] {
            Value::Table(own) => own.clone(),
            version => Table::from_iter([("version".to_owned(), version.clone())]),
        };
        if own.contains_key("path") {
            own.insert("path".to_owned(), format!("../{name}").into());
        }
        for (key, value) in table(dependency) {
            match (key.as_str(), value) {
                ("workspace", _) => {}
                ("features", Value::Array(more)) => {
                    let features = own.entry(key).or_insert_with(|| Value::Array(vec![]));
                    let features = features.as_array_mut().expect("features are a list");
                    features.extend(more.iter().cloned());
                }
                _ => {
                    own.insert(key.clone(), value.clone());
                }
            }
        }
        *dependency = Value::Table(own);
    }
}

/// Says whether a value is that of the workspace.
fn inherits(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

fn parse(manifest: &str) -> Table {
    manifest
        .parse()
        .expect("cargo has read the manifest when it built this")
}

fn table(value: &Value) -> &Table {
    value.as_table().expect("cargo takes nothing but a table")
}

fn table_mut(value: &mut Value) -> &mut Table {
    value
        .as_table_mut()
        .expect("cargo takes nothing but a table")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_manifest_inherits_is_written_out() {
        let workspace = parse(
            r#"
            [workspace.package]
            version = "1.2.3"
            [workspace.dependencies]
            plain = "1"
            with = { version = "2", default-features = false, features = ["a"] }
            beside = { path = "somewhere/else" }
            [workspace.lints.rust]
            unsafe_code = "deny"
            "#,
        );
        let manifest = r#"
            [package]
            name = "crate"
            version.workspace = true
            [lints]
            workspace = true
            [dependencies]
            own = "3"
            plain.workspace = true
            with = { workspace = true, features = ["b"], optional = true }
            [target.'cfg(unix)'.dependencies]
            beside.workspace = true
            [dev-dependencies]
            proptest.workspace = true
        "#;
        let expected = r#"
            [package]
            name = "crate"
            version = "1.2.3"
            [lints.rust]
            unsafe_code = "deny"
            [dependencies]
            own = "3"
            plain = { version = "1" }
            with = { version = "2", default-features = false, features = ["a", "b"], optional = true }
            [target.'cfg(unix)'.dependencies]
            beside = { path = "../beside" }
        "#;
        assert_eq!(parse(&standalone(manifest, &workspace)), parse(expected));
    }

    #[test]
    fn the_copy_has_every_source_and_inherits_nothing() {
        let files = files();
        for (name, directory) in [
            ("wigeon-columnar", "columnar"),
            ("wigeon-sdk", "plugins/sdk"),
        ] {
            let source = format!("../../{directory}/src/lib.rs");
            let source = fs_err::read(source).unwrap();
            let path = format!("vendor/{name}/src/lib.rs");
            assert!(files.contains(&(path, source.into())), "{name}");
        }
        for (path, contents) in &files {
            if path.ends_with("Cargo.toml") {
                let text = std::str::from_utf8(contents).unwrap();
                assert!(!text.contains("workspace = true"), "{path}:\n{text}");
            }
        }
    }
}
