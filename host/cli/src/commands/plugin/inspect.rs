//! `wigeon plugin inspect`.

use std::{fmt::Write as _, path::Path, process::ExitCode};

use clap::Args;
use wigeon_engine::PluginReport;

use crate::{
    arguments::{Format, FormatArgument},
    command_error::CommandError,
    context::Context,
    exit, interrupt,
    printer::Printer,
    words::{escaped, size},
};

/// Show what a plugin is: its kind, contract, digest, sizes, imports and options
///
/// The plugin is loaded and asked, but sees no data.
#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    /// `builtin:NAME`, `file:PATH`, `oci:REGISTRY/NAME:VERSION`, the path of a component, or the
    /// directory of a plugin's project
    plugin: String,

    #[command(flatten)]
    format: FormatArgument,
}

impl InspectArguments {
    /// Returns how the answer is printed.
    pub(super) fn format(&self) -> FormatArgument {
        self.format
    }
}

/// Looks at a plugin.
pub(super) fn run(
    printer: &Printer,
    context: &Context,
    arguments: &InspectArguments,
) -> Result<ExitCode, CommandError> {
    let reference = wigeon_authoring::located(&arguments.plugin)?;
    let cancellation = interrupt::on_signal(printer);
    let (base, cache) = (Path::new(""), context.cache());
    let report = wigeon_engine::inspect(&reference, base, cache, &cancellation)
        .map_err(CommandError::of_plugin)?;
    match arguments.format.format {
        Format::Json => printer.json(&report)?,
        Format::Text => printer.data(&text(&report))?,
    }
    Ok(ExitCode::from(exit::DONE))
}

fn text(report: &PluginReport) -> String {
    let imports = if report.imports.is_empty() {
        "nothing".to_owned()
    } else {
        report.imports.join(", ")
    };
    let asks_for = match report.asks_for.as_slice() {
        [] => None,
        asked => Some(format!("{} (of WASI)", asked.join(", "))),
    };
    let lines = [
        ("reference", report.reference.clone()),
        ("name", report.name.clone()),
        ("version", report.version.clone()),
        ("summary", report.summary.clone()),
        ("kind", report.kind.clone()),
        ("contract", report.contract.clone()),
        ("digest", report.digest.clone()),
        ("size", size(report.size_bytes)),
        (
            "compiled",
            format!("{} of machine code", size(report.compiled_bytes)),
        ),
        (
            "memory",
            format!("{} at start", size(report.memory_at_start_bytes)),
        ),
        ("imports", imports),
    ];
    let mut text = String::new();
    let asks_for = asks_for.map(|asked| ("asks for", asked));
    for (name, value) in lines.into_iter().chain(asks_for) {
        // Writing into a `String` cannot fail. What a plugin says of itself goes to no terminal raw.
        let _ = writeln!(text, "{name:<10} {}", escaped(&value));
    }
    // serde_json escapes control characters itself, and a value without odd keys always prints.
    let schema = serde_json::to_string_pretty(&report.options_schema).unwrap_or_default();
    let _ = writeln!(text, "\noptions schema:\n{schema}");
    text
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plugin_is_described_and_cannot_write_to_the_terminal() {
        let report = PluginReport {
            reference: "file:x.wasm".to_owned(),
            digest: "sha256:00".to_owned(),
            name: "x".to_owned(),
            version: "1.0.0".to_owned(),
            summary: "clears\u{1b}[2J the screen".to_owned(),
            kind: "transform".to_owned(),
            contract: "0.1.0".to_owned(),
            imports: vec![
                "wigeon:plugin/columnar@0.1.0".to_owned(),
                "wigeon:plugin/log@0.1.0".to_owned(),
            ],
            asks_for: vec!["clock".to_owned(), "files".to_owned()],
            size_bytes: 812_345,
            compiled_bytes: 2_512_345,
            memory_at_start_bytes: 1_114_112,
            options_schema: json!({ "type": "object" }),
        };
        assert_snapshot!(text(&report));
    }
}
