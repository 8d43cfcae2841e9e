//! Manifests, as anybody may write them.

use wigeon_manifest::check;

/// Checks a manifest, and asks that every mistake is found inside the text. Returns how many there
/// are.
///
/// # Panics
///
/// If one is not.
pub fn manifests(bytes: &[u8]) -> usize {
    let text = String::from_utf8_lossy(bytes);
    let Err(report) = check("pipeline.toml", &text) else {
        return 0;
    };
    for mistake in report.diagnostics() {
        assert!(mistake.offset() <= text.len(), "{mistake:?}");
    }
    report.diagnostics().len()
}
