//! What the examples have from the templates of `wigeon plugin new` is as the templates have it.
//!
//! The templates are where to edit: `WIGEON_BLESS=1` copies from there.

use fs_err as fs;
use wigeon_tests::workspace;

use crate::assert_current;

/// Files of the templates, and where an example has them too.
const COPIES: [(&str, &str); 7] = [
    ("c/src/wigeon_sdk.h", "url-parts/src/wigeon_sdk.h"),
    (
        "c/transform/bindings/wigeon.c",
        "url-parts/bindings/wigeon.c",
    ),
    (
        "c/transform/bindings/wigeon.h",
        "url-parts/bindings/wigeon.h",
    ),
    (
        "c/transform/bindings/wigeon_component_type.o",
        "url-parts/bindings/wigeon_component_type.o",
    ),
    ("python/src/wigeon_sdk.py", "holiday/src/wigeon_sdk.py"),
    ("js/src/wigeon_sdk.js", "user-agent/src/wigeon_sdk.js"),
    ("js/build.sh", "user-agent/build.sh"),
];

#[test]
fn what_examples_have_from_the_templates_is_the_same() {
    let templates = workspace().join("host/authoring/templates");
    let examples = workspace().join("examples/plugins");
    for (template, example) in COPIES {
        let contents = fs::read(templates.join(template)).expect("a file of the templates");
        assert_current(&examples.join(example), &contents);
    }
}

/// `tools/setup-languages` fetches the packages of the example for both.
#[test]
fn the_example_in_javascript_is_built_with_the_packages_of_the_template() {
    let built_with = |path: &str| {
        let text = fs::read_to_string(workspace().join(path)).expect("a package.json");
        let package: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        package["devDependencies"].clone()
    };
    assert_eq!(
        built_with("examples/plugins/user-agent/package.json"),
        built_with("host/authoring/templates/js/package.json.template")
    );
}
