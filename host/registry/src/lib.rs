//! From a plugin's reference to verified component bytes.
//!
//! [`resolve`] finds the bytes that a reference of the manifest means: a built-in plugin, which is
//! part of this binary, a file, or a component in an OCI registry, which is pulled once and kept.
//! [`LockFile`] pins the digest of each, so that a run uses the bytes that were looked at, or stops.

mod builtin;
mod lock_file;
mod oci;
mod resolve;
mod store;

pub use builtin::builtin_names;
pub use lock_file::{LockFile, LockFileError, LockedPlugin, Pinned};
pub use oci::OciError;
pub use resolve::{
    MAX_COMPONENT_BYTES, Places, ResolveError, ResolvedPlugin, digest, push, resolve, vendor,
};
pub use store::VENDOR_DIRECTORY;
