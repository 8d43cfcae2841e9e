//! Permissions of what is written: for others to read, or for this user alone.

use std::{io, path::Path};

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

/// Makes a directory, and those above it that are missing, for this user alone. One that is there
/// already is left as it is.
#[cfg(unix)]
pub(crate) fn make_private_directory(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
pub(crate) fn make_private_directory(path: &Path) -> io::Result<()> {
    fs_err::create_dir_all(path)
}
