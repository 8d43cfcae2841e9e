//! The seeds in `fuzz/corpus`, from which the search begins and near which `replay` tries.
//!
//! Those of arrays and components are made here, and `WIGEON_BLESS=1` writes them; those of
//! manifests are text. Each gets as far into its target as its table says: a seed that is refused
//! at its first byte leads nowhere.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its inputs has failed"
)]

mod arrays;
mod components;
mod manifests;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Returns a seed of a target as it is in the corpus, or writes it there and returns that.
fn seed(target: &str, name: &str, made: &[u8]) -> Vec<u8> {
    let path = format!("{ROOT}/fuzz/corpus/{target}/{name}");
    if std::env::var_os("WIGEON_BLESS").is_some_and(|value| value == "1") {
        fs_err::write(&path, made).unwrap();
    }
    fs_err::read(&path)
        .unwrap_or_else(|error| panic!("{error}: set WIGEON_BLESS=1 to write the seed"))
}
