//! When versions began: a list of times, most of which are the same few.

use std::collections::HashMap;

/// So many different times have codes.
const CODES: usize = 1 << 16;

/// Times by their number.
///
/// All versions that came with one extract began with it, so of millions of times a few hundred
/// differ. They are kept once, and each version has a code of two bytes; when there are too many
/// for that, each has its time.
#[derive(Debug)]
pub(super) enum Times {
    Coded(Coded),
    Plain(Vec<i64>),
}

#[derive(Debug, Default)]
pub(super) struct Coded {
    codes: Vec<u16>,
    distinct: Vec<i64>,
    code_of: HashMap<i64, u16>,
}

impl Default for Times {
    fn default() -> Self {
        Self::Coded(Coded::default())
    }
}

impl Times {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Coded(coded) => coded.codes.len(),
            Self::Plain(times) => times.len(),
        }
    }

    #[inline]
    pub(super) fn get(&self, number: usize) -> i64 {
        match self {
            Self::Coded(coded) => coded.distinct[usize::from(coded.codes[number])],
            Self::Plain(times) => times[number],
        }
    }

    pub(super) fn extend(&mut self, times: &[i64]) {
        let mut rest = times;
        if let Self::Coded(coded) = self {
            rest = &times[coded.extend(times)..];
            if !rest.is_empty() {
                *self = Self::Plain(coded.all());
            }
        }
        if let Self::Plain(all) = self {
            all.extend_from_slice(rest);
        }
    }
}

impl Coded {
    /// Adds times until there is no code for one, and returns how many were added.
    fn extend(&mut self, times: &[i64]) -> usize {
        let mut added = 0;
        while let Some(&time) = times.get(added) {
            let Some(code) = self.code(time) else {
                break;
            };
            let run = run_of(time, &times[added..]);
            added += run;
            self.codes.extend(std::iter::repeat_n(code, run));
        }
        added
    }

    fn code(&mut self, time: i64) -> Option<u16> {
        if let Some(&code) = self.code_of.get(&time) {
            return Some(code);
        }
        if self.distinct.len() == CODES {
            return None;
        }
        let code = u16::try_from(self.distinct.len()).ok()?;
        self.distinct.push(time);
        self.code_of.insert(time, code);
        Some(code)
    }

    fn all(&self) -> Vec<i64> {
        let time = |&code: &u16| self.distinct[usize::from(code)];
        self.codes.iter().map(time).collect()
    }
}

/// Returns how many times at the beginning are `time`.
fn run_of(time: i64, times: &[i64]) -> usize {
    if times.get(1) != Some(&time) {
        return 1;
    }
    // Most batches are one run, and what does not branch for each is done with vectors.
    let differ = |block: &[i64; 32]| block.iter().fold(0, |all, other| all | (other ^ time)) != 0;
    let (blocks, _) = times.as_chunks();
    let alike = blocks.iter().take_while(|block| !differ(block)).count() * 32;
    let rest = times[alike..].iter().take_while(|&&other| other == time);
    alike + rest.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pushed: &[&[i64]], coded: bool) {
        let mut times = Times::default();
        for batch in pushed {
            times.extend(batch);
        }
        let all = pushed.concat();
        assert_eq!(times.len(), all.len());
        assert!((0..all.len()).all(|number| times.get(number) == all[number]));
        assert_eq!(matches!(times, Times::Coded(_)), coded);
    }

    #[test]
    fn few_times_are_coded() {
        check(&[], true);
        check(&[&[7, 7, -1, 7], &[], &[i64::MIN, i64::MAX, 7]], true);
    }

    #[test]
    fn runs_end_wherever_they_end() {
        for length in [1, 31, 32, 33, 63, 64, 65, 100] {
            let run = vec![7; length];
            check(&[&run], true);
            check(&[&run, &[8], &run, &[9, 9]], true);
            check(&[&[run.as_slice(), &[8], &run, &[9, 9]].concat()], true);
        }
    }

    #[test]
    fn as_many_as_there_are_codes_are_coded_and_more_are_not() {
        let times: Vec<i64> = (0..1 << 16).map(|number| number * 3).collect();
        check(&[&times, &[0, 3, 196_605]], true);
        check(&[&times, &[0, 3, 1, 3], &[1, 2]], false);
        let more: Vec<i64> = (0..100_000).collect();
        check(&[&more], false);
    }
}
