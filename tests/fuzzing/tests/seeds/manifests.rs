//! Manifests: the text of one knows every table and key.

use wigeon_fuzzing::manifests;

use crate::ROOT;

/// Those without a mistake. All others have one at least.
const VALID: [&str; 6] = [
    "byte-order-mark",
    "every-key",
    "line-ends-of-windows",
    "options-that-are-deep",
    "smallest",
    "written-oddly",
];

#[test]
fn valid_manifests_are_valid() {
    for name in VALID {
        let path = format!("{ROOT}/fuzz/corpus/manifests/{name}");
        let mistakes = manifests(&fs_err::read(path).unwrap());
        assert_eq!(mistakes, 0, "{name}");
    }
}

#[test]
fn every_key_that_is_documented_is_in_one_manifest() {
    let path = format!("{ROOT}/fuzz/corpus/manifests/every-key");
    let manifest = fs_err::read_to_string(path).unwrap();
    let page = fs_err::read_to_string(format!("{ROOT}/docs/manifest.md")).unwrap();
    let (_, tables) = page.split_once("## The pipeline").unwrap();
    let (tables, _) = tables.split_once("### Kinds").unwrap();
    // The first cell of each row: keys, types of columns, parts of patterns.
    let names: Vec<_> = tables
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|row| row.split(" | ").next().unwrap())
        .flat_map(|cell| cell.split('`').step_by(2))
        .filter(|name| !name.is_empty())
        .collect();
    assert!(names.len() > 60, "{names:?}");
    for name in names {
        // Up to what differs: `[source.NAME]`, `{date:FORMAT}`, `decimal128(precision, scale)`.
        let fixed = name.split("NAME").next().unwrap();
        let fixed = fixed.split("FORMAT").next().unwrap();
        let fixed = fixed.split("precision").next().unwrap();
        assert!(manifest.contains(fixed), "`{name}` is missing");
    }
}
