//! A directory, and files in it, that nobody but this user can have written.
//!
//! What is checked is what was opened, not what has the name: between a look at a name and its use,
//! somebody could put something else there. A link is not followed.

use std::{io, path::Path};

use fs_err::File;

/// Why something may have been written by somebody else, or cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotPrivate {
    /// It cannot be made or opened; a link cannot be, nor what is no directory but should be one.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is a pipe, a device, or a directory.
    #[cfg(unix)]
    #[error("it is no file")]
    NoFile,
    /// It belongs to another user.
    #[cfg(unix)]
    #[error("it belongs to another user")]
    OfAnother,
    /// Others may write to it.
    #[cfg(unix)]
    #[error("others may write to it")]
    Writable,
}

/// Makes a directory, and those above it that are missing, for this user alone. One that is there
/// already is taken if it is private; it may have been made by another process just now.
#[cfg(unix)]
pub(super) fn make_directory(path: &Path) -> Result<(), NotPrivate> {
    use std::os::unix::fs::DirBuilderExt;

    use nix::fcntl::OFlag;

    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)?;
    let directory = open(path, OFlag::O_DIRECTORY)?;
    check(&directory.metadata()?)
}

/// Opens a file to read it.
#[cfg(unix)]
pub(super) fn open_file(path: &Path) -> Result<File, NotPrivate> {
    use nix::fcntl::OFlag;

    // To open a pipe would be to wait for who writes into it.
    let file = open(path, OFlag::O_NONBLOCK)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(NotPrivate::NoFile);
    }
    check(&metadata)?;
    Ok(file)
}

#[cfg(unix)]
fn open(path: &Path, flags: nix::fcntl::OFlag) -> io::Result<File> {
    use fs_err::os::unix::fs::OpenOptionsExt;
    use nix::fcntl::OFlag;

    fs_err::OpenOptions::new()
        .read(true)
        .custom_flags((flags | OFlag::O_NOFOLLOW).bits())
        .open(path)
}

#[cfg(unix)]
fn check(metadata: &std::fs::Metadata) -> Result<(), NotPrivate> {
    use std::os::unix::fs::MetadataExt;

    use nix::unistd::Uid;

    if metadata.uid() != Uid::effective().as_raw() {
        return Err(NotPrivate::OfAnother);
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(NotPrivate::Writable);
    }
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn make_directory(path: &Path) -> Result<(), NotPrivate> {
    Ok(fs_err::create_dir_all(path)?)
}

#[cfg(not(unix))]
pub(super) fn open_file(path: &Path) -> Result<File, NotPrivate> {
    Ok(File::open(path)?)
}
