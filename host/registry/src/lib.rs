//! From a plugin's reference to verified component bytes.
//!
//! [`resolve`] finds the bytes that a reference of the manifest means: a built-in plugin, which is
//! part of this binary, or a file. [`LockFile`] pins the digest of each, so that a run uses the
//! bytes that were looked at, or stops.

mod builtin;
mod lock_file;
mod resolve;

pub use builtin::builtin_names;
pub use lock_file::{LockFile, LockFileError, LockedPlugin, Pinned};
pub use resolve::{MAX_COMPONENT_BYTES, ResolveError, ResolvedPlugin, digest, resolve};
