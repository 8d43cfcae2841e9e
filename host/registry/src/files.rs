//! Permissions of what is written for others to read.

/// Permissions for a file that others may read: temporary files are private.
#[cfg(unix)]
pub(crate) fn readable() -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt;

    std::fs::Permissions::from_mode(0o644)
}

#[cfg(not(unix))]
pub(crate) fn readable() -> std::fs::Permissions {
    tempfile::tempfile()
        .and_then(|file| file.metadata())
        .expect("a temporary file can be made")
        .permissions()
}
