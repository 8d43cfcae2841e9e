//! Components, as anybody may send them.

use std::sync::LazyLock;

use wigeon_runtime::{LoadError, Plugin, PluginId, Runtime};

/// Loads a component, which may fail in any way but a panic of the host's.
///
/// # Errors
///
/// Any variant of [`LoadError`].
pub fn components(bytes: &[u8]) -> Result<Plugin, LoadError> {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new(None));
    let id = PluginId {
        reference: "file:any.wasm".to_owned(),
        digest: "sha256:any".to_owned(),
    };
    RUNTIME.load(&id, bytes)
}
