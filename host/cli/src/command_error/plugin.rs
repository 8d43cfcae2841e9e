//! Hints for what plugins do.

use wigeon_runtime::{Complaint, Limit, LoadError, OpenError, PluginError, PluginId};

use super::{Advice, INTERRUPTED_HINT, Kind};

/// Returns what to do about a component that cannot be loaded.
pub(super) fn load(error: &LoadError) -> Advice {
    let hint = match error {
        LoadError::NotWebAssembly { .. } => {
            "name the file of a WebAssembly component".to_owned()
        }
        LoadError::CoreModule { .. } => {
            "`wasm-tools component new` makes a component of a core module".to_owned()
        }
        LoadError::NotAComponent { .. } => {
            "build the plugin anew; `wasm-tools validate` tells more about the file".to_owned()
        }
        LoadError::Import { .. } => {
            "a plugin may import the interfaces of `wigeon:plugin` and WASI, nothing else".to_owned()
        }
        LoadError::ContractVersion { .. } => {
            "build the plugin against the contract of this wigeon, or use the wigeon that it was built for".to_owned()
        }
        LoadError::NoStep { .. } => {
            "build it against a world of `wigeon:plugin`: `transform`, `snapshot`, `incremental` or `change-detection`".to_owned()
        }
        LoadError::Exports { kind, .. } => {
            format!("build the plugin against the world `{kind}` of this wigeon's contract")
        }
        // What a step may use is not what a plugin may use before it has one.
        LoadError::Describe(PluginError::LimitReached { .. }) => {
            "nothing raises what a plugin may use to start and to describe itself: its author can leave the work to `open`, which has the limits of the step".to_owned()
        }
        LoadError::Describe(error) => return failed(error),
    };
    Advice::new(Kind::Plugin).hint(hint)
}

/// Returns what to do about a step that cannot be opened.
pub(super) fn open(error: &OpenError) -> Advice {
    match error {
        OpenError::Kind {
            expected, actual, ..
        } => Advice::new(Kind::Plugin).hint(format!(
            "name a {expected} plugin in the manifest, or make it a step of kind `{actual}`"
        )),
        OpenError::Input(_) => Advice::new(Kind::Manifest).hint(
            "leave the column out of `columns` of the step, or declare another type for it in the source",
        ),
        OpenError::Plugin(error) => failed(error),
    }
}

/// Returns what to do about a plugin that failed.
pub(super) fn failed(error: &PluginError) -> Advice {
    let plugin = error.plugin();
    match error {
        PluginError::Answered { about, .. } => match about {
            Complaint::Options => Advice::new(Kind::Manifest).hint(format!(
                "correct `[step.options]`; `wigeon plugin inspect {}` shows what they may be",
                plugin.reference
            )),
            Complaint::Schema => Advice::new(Kind::Manifest).hint(
                "compare `columns` and `[step.options]` of the step with the columns of its input",
            ),
            Complaint::Data => Advice::new(Kind::Data)
                .hint("nothing of this load was stored: correct the input, and run again"),
            Complaint::Other => Advice::new(Kind::Plugin)
                .hint("nothing of this load was stored; the author of the plugin can say more"),
        },
        PluginError::Trapped { backtrace, .. } => {
            let advice = Advice::new(Kind::Plugin);
            let mut advice = if backtrace.is_some() {
                advice.hint("this is a bug in the plugin: tell its author what `--verbose` prints")
            } else {
                advice.hint("this is a bug in the plugin: tell its author")
            };
            advice.details.clone_from(backtrace);
            advice
        }
        PluginError::LimitReached { limit, .. } => Advice::new(Kind::Plugin).hint(match limit {
            Limit::Memory { .. } => "give it more with `memory_mib` under `[step.limits]`",
            Limit::CallTime { .. } => "give it more with `call_timeout_secs` under `[step.limits]`",
            Limit::OutputRows { .. } => "let it emit more with `output_rows` under `[step.limits]`",
            Limit::OutputBytes { .. } => "let it emit more with `output_mib` under `[step.limits]`",
            Limit::SentBytes { .. } => {
                "this limit is fixed: tell the author of the plugin to emit fewer rows at once"
            }
            Limit::Handles { .. } => {
                "this limit is fixed: tell the author of the plugin to drop what it no longer uses"
            }
        }),
        PluginError::Stopped { .. } => Advice::new(Kind::Interrupted).hint(INTERRUPTED_HINT),
        PluginError::BrokeContract { .. } => broke_contract(plugin),
    }
}

/// Returns what to do about a plugin that does what the contract does not allow.
pub(super) fn broke_contract(plugin: &PluginId) -> Advice {
    Advice::new(Kind::Plugin).hint(format!(
        "this is a bug in the plugin: tell its author, with the digest {}",
        plugin.digest
    ))
}
