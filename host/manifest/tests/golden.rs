//! Each `golden/<case>.toml` against `<case>.checked` or `<case>.err`.
//!
//! `WIGEON_BLESS=1` writes what was found instead of comparing; review the difference.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    env,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use wigeon_manifest::{
    Allowed, CheckedPipeline, Code, ExtraColumns, Format, Location, Source, Step, StepKind, check,
    json_schema,
};

/// Codes that only the engine uses, so that no manifest gives them.
const OF_THE_ENGINE: [Code; 4] = [
    Code::UnknownPlugin,
    Code::UnsupportedUpdateMode,
    Code::WrongPlugin,
    Code::RefusedByPlugin,
];

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn blesses() -> bool {
    env::var_os("WIGEON_BLESS").is_some_and(|value| value == "1")
}

fn cases() -> Vec<PathBuf> {
    let mut cases: Vec<_> = fs_err::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    cases.sort();
    assert!(!cases.is_empty());
    cases
}

/// Returns the difference, or writes the file.
fn compare(path: &Path, found: &str) -> Option<String> {
    let expected = fs_err::read_to_string(path).unwrap_or_default();
    if expected == found {
        return None;
    }
    if blesses() {
        fs_err::write(path, found).unwrap();
        return None;
    }
    let path = path.display();
    Some(format!(
        "{path}\n--- expected\n{expected}--- found\n{found}"
    ))
}

#[test]
fn manifests_give_what_is_written_beside_them() {
    let mut differences = Vec::new();
    for case in cases() {
        let name = case.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs_err::read_to_string(&case).unwrap();
        let (found, extension, other) = match check(&name, &text) {
            Ok(pipeline) => (describe(&pipeline), "checked", "err"),
            Err(report) => (report.to_text(), "err", "checked"),
        };
        let stale = case.with_extension(other);
        if stale.exists() {
            if blesses() {
                fs_err::remove_file(&stale).unwrap();
            } else {
                differences.push(format!("{} is stale", stale.display()));
            }
        }
        differences.extend(compare(&case.with_extension(extension), &found));
    }
    assert!(
        differences.is_empty(),
        "{}\nset WIGEON_BLESS=1 to accept",
        differences.join("\n")
    );
}

#[test]
fn every_code_has_a_case() {
    let mut seen: BTreeSet<Code> = BTreeSet::from(OF_THE_ENGINE);
    for case in cases() {
        let text = fs_err::read_to_string(&case).unwrap();
        if let Err(report) = check("case", &text) {
            seen.extend(report.diagnostics().iter().map(|mistake| mistake.code));
        }
    }
    let missing: Vec<_> = Code::ALL
        .iter()
        .filter(|code| !seen.contains(code))
        .collect();
    assert!(missing.is_empty(), "no case gives {missing:?}");
}

#[test]
fn the_committed_schema_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipeline.schema.json");
    let found = format!("{:#}\n", json_schema());
    let difference = compare(&path, &found);
    assert!(
        difference.is_none(),
        "{} is stale: set WIGEON_BLESS=1 to refresh it",
        path.display()
    );
}

fn describe(pipeline: &CheckedPipeline) -> String {
    let mut text = String::new();
    let warehouse = pipeline.warehouse();
    writeln!(text, "pipeline {}", pipeline.name()).unwrap();
    writeln!(text, "  time zone {}", pipeline.time_zone()).unwrap();
    writeln!(
        text,
        "  warehouse {} memory {} MiB threads {:?} temp {:?}",
        warehouse.path, warehouse.memory_limit_mib, warehouse.threads, warehouse.temp_directory
    )
    .unwrap();
    for source in pipeline.sources() {
        describe_source(source, &mut text);
    }
    for step in pipeline.steps() {
        describe_step(pipeline, step, &mut text);
    }
    text
}

fn describe_source(source: &Source, text: &mut String) {
    writeln!(text, "source {}", source.name).unwrap();
    match &source.format {
        Format::Csv {
            delimiter,
            null_value,
            missing_line_end,
        } => writeln!(
            text,
            "  csv delimiter {delimiter:?} null {null_value:?} missing line end {missing_line_end:?}"
        ),
        other => writeln!(text, "  {other:?}"),
    }
    .unwrap();
    match &source.location {
        Location::Files(pattern) => writeln!(
            text,
            "  files {pattern} glob {} time {} hour {}",
            pattern.glob(),
            pattern.has_time(),
            pattern.has_hour()
        ),
        Location::Table { path, table } => writeln!(text, "  table {table} of {path}"),
        Location::Query { path, query } => writeln!(text, "  query {query:?} of {path}"),
    }
    .unwrap();
    let columns: Vec<_> = source
        .columns
        .iter()
        .map(|column| format!("{} {}", column.name, column.data_type))
        .collect();
    writeln!(text, "  columns {}", columns.join(", ")).unwrap();
    if source.extra_columns == ExtraColumns::Ignore {
        text.push_str("  extra columns ignored\n");
    }
    if let Some(watermark) = &source.watermark {
        writeln!(text, "  watermark {watermark}").unwrap();
    }
}

fn describe_step(pipeline: &CheckedPipeline, step: &Step, text: &mut String) {
    writeln!(text, "step {} {}", step.name, step.kind.as_str()).unwrap();
    writeln!(text, "  plugin {} input {}", step.plugin, step.input).unwrap();
    let (source, transforms) = pipeline.source_of(step);
    let mut way = vec![source.name.as_str()];
    way.extend(transforms.iter().map(|step| step.name.as_str()));
    writeln!(text, "  way {}", way.join(" -> ")).unwrap();
    if let Some(columns) = &step.columns {
        writeln!(text, "  columns {}", columns.join(", ")).unwrap();
    }
    match &step.kind {
        StepKind::Transform { store } => writeln!(text, "  store {store}"),
        StepKind::Snapshot(settings) => writeln!(
            text,
            "  key {} deleted {:?} late {:?} {:?}",
            settings.key.join(", "),
            settings.deleted,
            settings.late_extracts,
            settings.guard
        ),
        StepKind::Incremental { key, lookup } => {
            writeln!(text, "  key {} lookup {lookup}", key.join(", "))
        }
        StepKind::ChangeDetection {
            target,
            update_mode,
        } => writeln!(text, "  target {target} update mode {update_mode:?}"),
    }
    .unwrap();
    if let Some(schedule) = &step.schedule {
        writeln!(text, "  schedule {schedule} ({})", schedule.describe()).unwrap();
    }
    let lanes = step.limits.lanes.map(|lanes| format!(", {lanes} lanes"));
    writeln!(
        text,
        "  limits {} MiB {} s, output {} rows {} MiB, log {} lines{}, rejected {}",
        step.limits.memory_mib,
        step.limits.call_timeout_secs,
        step.limits.output_rows,
        step.limits.output_mib,
        step.limits.log_lines,
        lanes.unwrap_or_default(),
        step.max_rejected_rows
    )
    .unwrap();
    if step.allow != Allowed::default() {
        writeln!(text, "  {:?}", step.allow).unwrap();
    }
    let written = &pipeline.text()[step.options_span.clone()];
    writeln!(text, "  options {} at {written}", step.options).unwrap();
}
