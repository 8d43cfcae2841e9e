//! Mistakes in the manifest that show only when its plugins are there.

use wigeon_manifest::{Code, Step};
use wigeon_registry::ResolveError;
use wigeon_runtime::{Complaint, OpenError, PluginError};

use super::Resolver;
use crate::EngineError;

impl Resolver<'_> {
    /// What the manifest asks for is not to be had.
    pub(super) fn no_overlay(&self, step: &Step, target: &Step, reason: &str) -> EngineError {
        let text = format!(
            "the rows of `{}` cannot be merged on read, since {reason}",
            target.name
        );
        let help = "leave `update_mode` out: the rows are then updated in place";
        self.project
            .pipeline()
            .complain(
                step.update_mode_span.clone(),
                Code::UnsupportedUpdateMode,
                text,
                Some(help.to_owned()),
            )
            .into()
    }

    /// A plugin's complaint about its options belongs into the manifest.
    pub(super) fn open_error(&self, step: &Step, source: OpenError) -> EngineError {
        let pipeline = self.project.pipeline();
        match &source {
            OpenError::Kind {
                plugin,
                expected,
                actual,
            } => {
                let text = format!("plugin {plugin} is a {actual} plugin, not a {expected} plugin");
                let help = format!(
                    "give step `{}` the kind `{actual}`, or another plugin",
                    step.name
                );
                pipeline
                    .complain(
                        step.plugin_span.clone(),
                        Code::WrongPlugin,
                        text,
                        Some(help),
                    )
                    .into()
            }
            OpenError::Plugin(PluginError::Answered {
                plugin,
                about: Complaint::Options,
                answer,
                ..
            }) => {
                let text = format!("plugin {plugin} refuses its options: {answer}");
                let help = format!(
                    "`wigeon plugin inspect {}` shows the options",
                    plugin.reference
                );
                pipeline
                    .complain(
                        step.options_span.clone(),
                        Code::RefusedByPlugin,
                        text,
                        Some(help),
                    )
                    .into()
            }
            _ => EngineError::OpenStep {
                step: step.name.clone(),
                source,
            },
        }
    }

    pub(super) fn resolve_error(&self, step: &Step, source: ResolveError) -> EngineError {
        let ResolveError::UnknownBuiltin { closest, known, .. } = &source else {
            return EngineError::Resolve {
                step: step.name.clone(),
                source,
            };
        };
        let help = match closest {
            Some(closest) => format!("did you mean `builtin:{closest}`?"),
            None => format!("the built-in plugins are {}", known.join(", ")),
        };
        self.project
            .pipeline()
            .complain(
                step.plugin_span.clone(),
                Code::UnknownPlugin,
                source.to_string(),
                Some(help),
            )
            .into()
    }
}
