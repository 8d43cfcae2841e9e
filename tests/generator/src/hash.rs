//! Numbers that look random, from a seed and a position.
//!
//! splitmix64 is a counter run through a mixing function: the n-th number needs none of
//! those before it, which is what lets every row be made alone. Its definition is fixed
//! here instead of in a dependency because the committed extracts depend on every bit.

/// The step of splitmix64's counter.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// What a number is for, so that no two uses share a sequence.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Traits = 1,
    MoveGap = 2,
    MoveTo = 3,
    Views = 4,
}

/// A sequence of numbers for each pair of a purpose and a position.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sequence(u64);

impl Sequence {
    pub(crate) fn new(seed: u64, purpose: Purpose, position: u64) -> Self {
        let purposed = mix(seed.wrapping_add(STEP.wrapping_mul(purpose as u64)));
        Self(mix(purposed ^ position.wrapping_mul(STEP)))
    }

    /// The number at `place`.
    pub(crate) fn at(self, place: u64) -> u64 {
        mix(self.0.wrapping_add(STEP.wrapping_mul(place + 1)))
    }
}

/// Another number that depends on nothing but `number`.
pub(crate) fn mix(number: u64) -> u64 {
    let mut mixed = number;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A number in `0..bound` from the upper half of `number`; `bound <= 2^32`.
pub(crate) fn below(number: u64, bound: u64) -> u64 {
    ((number >> 32) * bound) >> 32
}

/// A number in `0..bound` from the lower half of `number`; `bound <= 2^32`.
pub(crate) fn below_by_low_half(number: u64, bound: u64) -> u64 {
    ((number & 0xffff_ffff) * bound) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixing_is_that_of_splitmix64() {
        let first_two = [mix(STEP), mix(STEP.wrapping_mul(2))];
        assert_eq!(first_two, [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
    }

    #[test]
    fn bounded_numbers_stay_below_their_bound() {
        for place in 0..1_000 {
            let number = Sequence::new(1, Purpose::Views, 7).at(place);
            assert!(below(number, 10) < 10);
            assert!(below_by_low_half(number, 10) < 10);
        }
        assert_eq!(below(u64::MAX, 1 << 32), (1 << 32) - 1);
    }
}
