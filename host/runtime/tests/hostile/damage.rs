//! Components damaged at random: refused, or harmless, but never a panic or a hang.

use std::time::{Duration, Instant};

use wigeon_runtime::Kind;

use crate::{
    components::at_start,
    support::{component, load, work},
};

/// Bytes are changed at places that look random and are the same in each run.
struct Places(u64);

impl Places {
    fn next(&mut self, below: usize) -> usize {
        // Knuth's multiplier; the upper bits are the good ones.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).expect("31 bits") % below
    }
}

/// Loads what is left of `whole` after up to four bytes were changed and perhaps the end is lost.
fn damage(whole: &[u8], times: u64) {
    let start = Instant::now();
    for seed in 0..times {
        let mut places = Places(seed);
        let mut bytes = whole.to_vec();
        for _ in 0..=places.next(4) {
            let at = places.next(bytes.len());
            bytes[at] ^= 1 << places.next(8);
        }
        if places.next(4) == 0 {
            bytes.truncate(places.next(bytes.len()));
        }
        // Damage may be in a text, and change nothing.
        if let Ok(plugin) = load(&bytes) {
            drop(work(&plugin, ""));
        }
    }
    assert!(start.elapsed() < Duration::from_mins(3), "it took too long");
}

#[test]
fn a_small_component_damaged_at_random() {
    let module = "(memory 1) (table 2 funcref) (data (i32.const 8) \"text\")
        (func $start (local i32)
          (loop (local.set 0 (i32.add (local.get 0) (i32.const 1)))
                (br_if 0 (i32.lt_u (local.get 0) (i32.const 9)))))
        (start $start)";
    damage(&at_start(module), 500);
}

#[test]
fn the_guest_damaged_at_random() {
    damage(component(Kind::Transform), 25);
}
