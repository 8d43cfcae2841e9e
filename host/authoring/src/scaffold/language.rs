//! The template of each language.

use wigeon_runtime::Kind;

use super::template::{File, LanguageTemplate, file};
use crate::Language;

/// What the files of `plugin.toml` and the README are filled in with.
macro_rules! words {
    ($language:literal, $file:literal) => {
        file!("", $language, "/", $file)
    };
}

const RUST: LanguageTemplate = LanguageTemplate {
    build: words!("rust", "build.toml"),
    building: words!("rust", "building.md"),
    table: words!("rust", "files.md"),
    shared: &[
        file!(".gitignore", "rust/gitignore"),
        file!("Cargo.toml", "rust/Cargo.toml.template"),
    ],
    of_kind: |kind| match kind {
        Kind::Transform => &[file!("src/lib.rs", "rust/transform/src/lib.rs")],
        Kind::Snapshot => &[file!("src/lib.rs", "rust/snapshot/src/lib.rs")],
        Kind::Incremental => &[file!("src/lib.rs", "rust/incremental/src/lib.rs")],
        Kind::ChangeDetection => &[file!("src/lib.rs", "rust/change-detection/src/lib.rs")],
    },
};

/// The files in C of one kind.
macro_rules! c {
    ($kind:literal) => {
        &[
            file!("src/plugin.c", "c/", $kind, "/src/plugin.c"),
            file!("bindings/wigeon.c", "c/", $kind, "/bindings/wigeon.c"),
            file!("bindings/wigeon.h", "c/", $kind, "/bindings/wigeon.h"),
            file!(
                "bindings/wigeon_component_type.o",
                "c/",
                $kind,
                "/bindings/wigeon_component_type.o"
            ),
        ]
    };
}

const C: LanguageTemplate = LanguageTemplate {
    build: words!("c", "build.toml"),
    building: words!("c", "building.md"),
    table: words!("c", "files.md"),
    shared: &[
        file!(".gitignore", "c/gitignore"),
        file!("bindings/README.md", "c/bindings.md.template"),
        file!("build.sh", "c/build.sh.template"),
        file!("src/wigeon_keys.h", "c/src/wigeon_keys.h"),
        file!("src/wigeon_sdk.h", "c/src/wigeon_sdk.h"),
    ],
    of_kind: |kind| match kind {
        Kind::Transform => c!("transform"),
        Kind::Snapshot => c!("snapshot"),
        Kind::Incremental => c!("incremental"),
        Kind::ChangeDetection => c!("change-detection"),
    },
};

/// The module of one kind in Python, which is named after the interface.
macro_rules! python {
    ($kind:literal, $module:literal) => {
        &[file!(
            concat!("src/", $module, ".py"),
            "python/",
            $kind,
            "/src/",
            $module,
            ".py"
        )]
    };
}

const PYTHON: LanguageTemplate = LanguageTemplate {
    build: words!("python", "build.toml"),
    building: words!("python", "building.md"),
    table: words!("python", "files.md"),
    shared: &[
        file!(".gitignore", "python/gitignore"),
        file!("build.sh", "python/build.sh.template"),
        file!("src/wigeon_sdk.py", "python/src/wigeon_sdk.py"),
    ],
    of_kind: |kind| match kind {
        Kind::Transform => python!("transform", "transform_step"),
        Kind::Snapshot => python!("snapshot", "snapshot_step"),
        Kind::Incremental => python!("incremental", "incremental_step"),
        Kind::ChangeDetection => python!("change-detection", "change_detection_step"),
    },
};

const JAVASCRIPT: LanguageTemplate = LanguageTemplate {
    build: words!("js", "build.toml"),
    building: words!("js", "building.md"),
    table: words!("js", "files.md"),
    shared: &[
        file!(".gitignore", "js/gitignore"),
        file!("build.js", "js/build.js.template"),
        file!("build.sh", "js/build.sh"),
        file!("package.json", "js/package.json.template"),
        file!("src/wigeon_sdk.js", "js/src/wigeon_sdk.js"),
    ],
    of_kind: |kind| match kind {
        Kind::Transform => &[file!("src/plugin.js", "js/transform/src/plugin.js")],
        Kind::Snapshot => &[file!("src/plugin.js", "js/snapshot/src/plugin.js")],
        Kind::Incremental => &[file!("src/plugin.js", "js/incremental/src/plugin.js")],
        Kind::ChangeDetection => &[file!("src/plugin.js", "js/change-detection/src/plugin.js")],
    },
};

/// Returns the template of a language.
pub(super) fn of(language: Language) -> LanguageTemplate {
    match language {
        Language::Rust => RUST,
        Language::C => C,
        Language::Python => PYTHON,
        Language::JavaScript => JAVASCRIPT,
    }
}

/// Returns the files of a plugin in this language, of this kind.
pub(super) fn files(
    template: &LanguageTemplate,
    kind: Kind,
) -> impl Iterator<Item = &'static File> {
    template.shared.iter().chain((template.of_kind)(kind))
}
