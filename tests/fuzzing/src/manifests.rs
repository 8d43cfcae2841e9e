//! Manifests, as anybody may write them.

use wigeon_manifest::check;

/// Checks a manifest, and asks that every mistake is found inside the text.
///
/// # Panics
///
/// If one is not.
pub fn manifests(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Err(report) = check("pipeline.toml", &text) {
        for mistake in report.diagnostics() {
            assert!(mistake.offset() <= text.len(), "{mistake:?}");
        }
    }
}
