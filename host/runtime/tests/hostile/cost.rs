//! What guests cost the host while they misbehave: memory as the kernel counts it, in a process that
//! does nothing else.
//!
//! How much memory an instance has is not asked here: the host would answer with what it has granted.

use std::{env, process::Command};

use wigeon_runtime::Kind;

use crate::{
    answers, arrays, limits,
    support::{Case, Failure, MEMORY, OUTPUT, attempt, peak_bytes},
};

/// Set for a copy of this program that measures, and does nothing else.
const MEASURING: &str = "WIGEON_TEST_MEASURING";

/// What wasmtime lets cross to the host in one call, which the host has beside the guest's own copy.
const CROSSING: u64 = 128 << 20;

/// What else is allocated meanwhile: batches, numbers of rows, and what the allocator keeps.
const REST: u64 = 32 << 20;

/// The most that a case may cost: the memory of its instance, what crosses, what it has emitted,
/// and as much again while the next batch is put together.
const MOST: u64 = MEMORY as u64 + CROSSING + 2 * OUTPUT + REST;

#[test]
fn guests_cost_the_host_no_more_than_their_limits() {
    if env::var_os(MEASURING).is_some() {
        measure();
        return;
    }
    // Other tests load plugins meanwhile, and compiling has no such limits.
    let measuring = Command::new(env::current_exe().expect("the test's own path"))
        .args([
            "--exact",
            "cost::guests_cost_the_host_no_more_than_their_limits",
        ])
        .env(MEASURING, "1")
        .output()
        .expect("the test runs again");
    let said = String::from_utf8_lossy(&measuring.stdout);
    assert!(measuring.status.success(), "{said}");
    assert!(said.contains("1 passed"), "nothing was measured: {said}");
}

fn measure() {
    // Loads all guests, which each case then finds loaded.
    attempt(&Case::told(
        "nothing",
        Kind::Transform,
        "",
        Failure::None,
        "",
    ));
    let cases = [answers::cases(), arrays::cases(), limits::cases()].concat();
    // Those that spin take time and nothing else.
    let takes_memory = |case: &&Case| case.is_loaded() && !case.name.starts_with("spinning");
    for case in cases.iter().filter(takes_memory) {
        // From here on the peak is counted anew.
        fs_err::write("/proc/self/clear_refs", "5").expect("the kernel forgets the peak");
        let before = peak_bytes();
        assert!(before > 0, "the kernel does not tell the peak");
        attempt(case);
        let cost = peak_bytes().saturating_sub(before);
        assert!(cost < MOST, "`{}` cost the host {cost} bytes", case.name);
    }
}
