//! What a plugin is, without a pipeline.

use std::path::Path;

use serde_json::Value;
use wigeon_manifest::PluginReference;
use wigeon_registry::{Places, resolve};
use wigeon_runtime::{CONTRACT_VERSION, LoadError, PluginId};

use crate::{Cancellation, EngineError, PluginReport};

/// Loads the plugin that `reference` means, relative to `base`, and says what it is.
///
/// # Errors
///
/// - [`EngineError::Reference`] if the text is no reference.
/// - [`EngineError::Resolve`] if the plugin is not to be found.
/// - [`EngineError::LoadPlugin`] if it is no plugin.
pub fn inspect(
    reference: &str,
    base: &Path,
    cache: Option<&Path>,
    cancellation: &Cancellation,
) -> Result<PluginReport, EngineError> {
    let parsed: PluginReference = reference
        .parse()
        .map_err(|source| EngineError::Reference { source })?;
    let places = Places {
        base,
        cache,
        stop: cancellation.flag(),
    };
    let resolved = resolve(&parsed, places, None).map_err(|source| EngineError::Resolve {
        step: reference.to_owned(),
        source,
    })?;
    let load = |source| EngineError::LoadPlugin {
        step: reference.to_owned(),
        source,
    };
    let id = PluginId {
        reference: resolved.reference,
        digest: resolved.digest,
    };
    let plugin = cancellation
        .runtime(cache)
        .load(&id, &resolved.component)
        .map_err(load)?;
    let memory = plugin
        .memory_at_start()
        .map_err(|source| load(LoadError::Describe(source)))?;
    let description = plugin.description();
    Ok(PluginReport {
        reference: plugin.id().reference.clone(),
        digest: plugin.id().digest.clone(),
        name: description.name.clone(),
        version: description.version.clone(),
        summary: description.summary.clone(),
        kind: plugin.kind().to_string(),
        contract: CONTRACT_VERSION.to_owned(),
        imports: plugin.imports(),
        asks_for: plugin.asks_for(),
        size_bytes: resolved.component.len() as u64,
        compiled_bytes: plugin.compiled_bytes() as u64,
        memory_at_start_bytes: memory as u64,
        options_schema: serde_json::from_str(&description.options_schema).unwrap_or(Value::Null),
    })
}
