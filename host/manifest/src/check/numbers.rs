//! Numbers and their bounds.

use std::ops::RangeInclusive;

use crate::{
    code::Code, diagnostic::Diagnostic, mistakes::Mistakes, place::Place, words::printable,
};

/// Returns a whole number within its bounds, or `default` if it is not written.
///
/// After a mistake the number is `default` as well, which nobody gets to see.
pub(super) fn whole<N>(
    written: Option<i64>,
    bounds: RangeInclusive<N>,
    default: N,
    place: Option<Place<'_>>,
    key: &str,
    mistakes: &mut Mistakes,
) -> N
where
    N: TryFrom<i64> + PartialOrd + std::fmt::Display + Copy + Bounded,
{
    let Some(number) = written else {
        return default;
    };
    if let Ok(number) = N::try_from(number)
        && bounds.contains(&number)
    {
        return number;
    }
    let allowed = if *bounds.end() == N::LARGEST {
        format!("at least {}", bounds.start())
    } else {
        format!("from {} to {}", bounds.start(), bounds.end())
    };
    add(&number.to_string(), &allowed, place, key, mistakes);
    default
}

/// A type whose largest value means that there is no upper bound.
pub(super) trait Bounded {
    /// The largest value.
    const LARGEST: Self;
}

impl Bounded for u32 {
    const LARGEST: Self = Self::MAX;
}

impl Bounded for u64 {
    const LARGEST: Self = Self::MAX;
}

/// Returns a share of a whole, or `default` if it is not written.
pub(super) fn share(
    written: Option<f64>,
    default: f64,
    place: Option<Place<'_>>,
    key: &str,
    mistakes: &mut Mistakes,
) -> f64 {
    match written {
        None => default,
        // Neither bound holds for NaN.
        Some(share) if (0.0..=1.0).contains(&share) => share,
        Some(share) => {
            add(&share.to_string(), "from 0 to 1", place, key, mistakes);
            default
        }
    }
}

fn add(written: &str, allowed: &str, place: Option<Place<'_>>, key: &str, mistakes: &mut Mistakes) {
    let span = place.map(|place| place.value_span(key)).unwrap_or_default();
    let message = format!("`{key}` is {}, but must be {allowed}", printable(written));
    mistakes.add(Diagnostic::new(Code::OutOfRange, span, message));
}
