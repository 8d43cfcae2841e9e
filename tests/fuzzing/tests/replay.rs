//! The seeds, the inputs that fuzzing has found, and some near them.
//!
//! `./just fuzz` searches for more.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its inputs has failed"
)]

use std::sync::atomic::AtomicBool;

use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};
use wigeon_fuzzing::{arrays, components, manifests};
use wigeon_registry::{Places, builtin_names, resolve};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Returns the inputs in a directory of the repository.
fn inputs(directory: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = fs_err::read_dir(format!("{ROOT}/{directory}"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{directory}");
    paths
        .iter()
        .map(|path| fs_err::read(path).unwrap())
        .collect()
}

/// The plugins that wigeon has built in.
fn plugins() -> Vec<Vec<u8>> {
    let never = AtomicBool::new(false);
    let places = Places {
        base: ROOT.as_ref(),
        cache: None,
        stop: &never,
    };
    builtin_names()
        .map(|name| {
            let reference = format!("builtin:{name}").parse().unwrap();
            resolve(&reference, places, None).unwrap().component.into()
        })
        .collect()
}

/// Changes to an input: bytes that are replaced, and how much of it is left.
#[derive(Debug, Clone)]
struct Damage {
    input: Index,
    replaced: Vec<(Index, u8)>,
    cut: Option<Index>,
}

impl Damage {
    fn of(&self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = self.input.get(inputs).clone();
        if bytes.is_empty() {
            return bytes;
        }
        for (place, byte) in &self.replaced {
            let place = place.index(bytes.len());
            bytes[place] = *byte;
        }
        if let Some(cut) = &self.cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    let replaced = prop::collection::vec((any::<Index>(), any::<u8>()), 1..8);
    let cut = prop::option::weighted(0.2, any::<Index>());
    (any::<Index>(), replaced, cut).prop_map(|(input, replaced, cut)| Damage {
        input,
        replaced,
        cut,
    })
}

/// Tries inputs, then this many damaged ones.
fn try_near<T>(inputs: &[Vec<u8>], cases: u32, target: impl Fn(&[u8]) -> T) {
    for input in inputs {
        drop(target(input));
    }
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    };
    // The same each time: it is `./just fuzz` that searches.
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let tried = runner.run(&damage(), |damage| {
        drop(target(&damage.of(inputs)));
        Ok(())
    });
    tried.unwrap();
}

#[test]
fn arrays_and_schemas_of_any_bytes_are_valid_or_refused() {
    try_near(&inputs("fuzz/corpus/arrays"), 20_000, arrays);
}

#[test]
fn manifests_of_any_bytes_are_checked() {
    let mut texts = inputs("fuzz/corpus/manifests");
    texts.extend(inputs("host/manifest/tests/golden"));
    try_near(&texts, 1_000, manifests);
}

#[test]
fn components_of_any_bytes_are_loaded_or_refused() {
    try_near(&inputs("fuzz/corpus/components"), 200, components);
    try_near(&plugins(), 100, components);
}
