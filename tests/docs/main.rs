//! The documentation and the examples for plugin authors, and what `SECURITY.md` promises, held
//! against the code that they are about.
//!
//! `WIGEON_BLESS=1` writes what should stand there instead of comparing.

mod copies;
mod promises;
mod reference;
mod snippets;

use std::{env, path::Path};

use fs_err as fs;

/// Compares a file with what it should be, or makes it so.
fn assert_current(path: &Path, current: &[u8]) {
    if env::var_os("WIGEON_BLESS").is_some_and(|value| value == "1") {
        fs::write(path, current).expect("the file can be written");
        return;
    }
    let committed = fs::read(path).unwrap_or_default();
    assert!(
        committed == current,
        "{} is stale: set WIGEON_BLESS=1 to refresh it",
        path.display()
    );
}
