//! All rules, in one pass over a manifest.
//!
//! Each source and step is first checked by itself, then what they say of each other. Where a value
//! has a mistake of its own, the rules that would need it say nothing, so that one mistake gives
//! one message.

mod column_list;
mod links;
mod names;
mod numbers;
mod settings;
mod source;
mod step;

use toml::de::{DeTable, DeValue};

use crate::{
    code::Code, diagnostic::Diagnostic, mistakes::Mistakes, pipeline::CheckedPipeline,
    place::Place, read, report::Report, words::printable, written::MANIFEST_VERSION,
};

/// Reads the text of a manifest and checks all of it.
///
/// `file_name` is only used in messages. The same text always gives the same answer: whether files
/// and plugins exist, and what the plugins make of their options, is not asked here.
///
/// # Errors
///
/// Returns every mistake, sorted by place. There are three exceptions, where one mistake would
/// bring others with it: text that is not TOML gives the first place where it is not, a manifest of
/// another version gives only that, and of one table no more than 100 values of a wrong type are
/// reported.
#[expect(
    clippy::missing_panics_doc,
    reason = "without a mistake every part is there, which the property tests try"
)]
pub fn check(file_name: &str, text: &str) -> Result<CheckedPipeline, Report> {
    let refuse = |mistakes| Report::at(file_name, text, mistakes);
    let document = DeTable::parse(text).map_err(|error| refuse(vec![syntax(&error)]))?;
    let root = Place::new(document.get_ref(), &(0..0));
    check_version(root).map_err(|mistake| refuse(vec![mistake]))?;

    let mut mistakes = Mistakes::default();
    let pipeline = read::pipeline(root, &mut mistakes);
    let sources = read::sources(root, &mut mistakes);
    let steps = read::steps(root, &mut mistakes);

    let settings = settings::check(&pipeline, &mut mistakes);
    // If one of the two could not be read at all, any name may be of what was in it.
    let names_known = sources.is_some() && steps.is_some();
    let sources = sources.unwrap_or_default();
    let sources: Vec<_> = sources
        .iter()
        .map(|source| source::check(source, &mut mistakes))
        .collect();
    let steps = steps.unwrap_or_default();
    let steps: Vec<_> = steps
        .iter()
        .map(|step| step::check(step, &mut mistakes))
        .collect();
    names::check(&sources, &steps, &mut mistakes);
    let order = links::check(&sources, &steps, names_known, &mut mistakes);

    if !mistakes.is_empty() {
        return Err(refuse(mistakes.into_diagnostics()));
    }
    let settings = settings.expect("settings that cannot be read have left a mistake");
    Ok(CheckedPipeline {
        name: settings.name,
        time_zone: settings.time_zone,
        warehouse: settings.warehouse,
        sources: sources
            .into_iter()
            .map(|source| {
                source
                    .finish()
                    .expect("a source that lacks something has left a mistake")
            })
            .collect(),
        steps: order
            .into_iter()
            .map(|index| {
                steps[index]
                    .finish()
                    .expect("a step that lacks something has left a mistake")
            })
            .collect(),
        file_name: file_name.to_owned(),
        text: text.to_owned(),
    })
}

fn syntax(error: &toml::de::Error) -> Diagnostic {
    let span = error.span().unwrap_or_default();
    Diagnostic::new(Code::Syntax, span, error.message().replace('\n', " "))
}

/// Looks at the version alone, because everything else may mean something else in another one.
fn check_version(root: Place<'_>) -> Result<(), Diagnostic> {
    let Some(version) = root.table().get("manifest_version") else {
        return Err(Diagnostic::new(
            Code::ManifestVersion,
            0..0,
            "the manifest has no `manifest_version`",
        )
        .with_help(format!(
            "begin it with `manifest_version = {MANIFEST_VERSION}`"
        )));
    };
    let written = match version.get_ref() {
        DeValue::Integer(integer) => {
            if i64::from_str_radix(integer.as_str(), integer.radix()) == Ok(MANIFEST_VERSION) {
                return Ok(());
            }
            integer.to_string()
        }
        DeValue::String(text) => format!("\"{text}\""),
        other => format!("a {}", other.type_str()),
    };
    let message = format!(
        "`manifest_version` is {}, but this build reads version {MANIFEST_VERSION}",
        printable(&written)
    );
    let help = format!(
        "write `manifest_version = {MANIFEST_VERSION}`, or use a build of Wigeon that reads yours"
    );
    Err(Diagnostic::new(Code::ManifestVersion, version.span(), message).with_help(help))
}
