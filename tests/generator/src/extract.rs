//! Which extracts there are, and in which order they come.

/// One extract of a history.
///
/// The order is that of arrival: the users extract of a day, which stands for its
/// midnight, and then the view extracts of its hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Extract {
    /// The day, counted from 0.
    pub day: u32,
    /// The hour of a view extract, `0..24`; `None` is the users extract.
    pub hour: Option<u32>,
}

impl Extract {
    /// The users extract of `day`.
    pub fn users(day: u32) -> Self {
        Self { day, hour: None }
    }

    /// The view extract of `hour` of `day`.
    pub fn views(day: u32, hour: u32) -> Self {
        Self {
            day,
            hour: Some(hour),
        }
    }

    /// The 25 extracts of `day`, in their order.
    pub fn of_day(day: u32) -> impl Iterator<Item = Self> {
        let views = (0..24).map(move |hour| Self::views(day, hour));
        std::iter::once(Self::users(day)).chain(views)
    }

    /// Returns whether this is a users extract.
    pub fn is_users(self) -> bool {
        self.hour.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extracts_of_a_day_are_in_order() {
        let day: Vec<Extract> = Extract::of_day(3).collect();
        assert_eq!(day.len(), 25);
        assert!(day.is_sorted());
        assert!(day[0].is_users());
        assert_eq!(day[24], Extract::views(3, 23));
        assert!(Extract::views(2, 23) < day[0]);
    }
}
