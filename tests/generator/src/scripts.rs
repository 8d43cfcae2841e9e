//! The written histories of a few users; the crate's documentation has them as a table.

use crate::population::Entry;

/// Ids `1..=SMALL_IDS` are scripted.
pub(crate) const SMALL_IDS: u64 = 16;

/// Ids beyond the whole numbers that a 64-bit float can tell apart.
pub(crate) const LARGE_IDS: [u64; 2] = [9_007_199_254_740_992, 9_007_199_254_740_993];

/// All scripted users.
pub(crate) const SCRIPTED: u64 = SMALL_IDS + LARGE_IDS.len() as u64;

/// The histories of the small ids and then of the large ones, a word per day.
const STORIES: &[Story] = &[
    Story::ends("SW19"),
    Story::ends("SW19 SW19 SW20"),
    Story::ends("AB10 AB11 AB11 AB10"),
    Story::repeats("SW1 SW2 SW3 SW4 SW5 SW6 SW7"),
    Story::ends("- - LS6"),
    Story::ends("M14 M14 - - M14"),
    Story::ends("M15 M15 - - M16"),
    Story::ends("E1 E2 E2 -"),
    Story::ends("null N1 N1 null N2"),
    Story::ends("B1 B1 null B1"),
    Story::ends("G1 G2 - G1"),
    Story::ends("-"),
    Story::ends("- CF10 -"),
    Story::repeats("BS1 -"),
    Story::ends("null"),
    Story::ends("L1 - L2 - L1"),
    Story::ends("EH1"),
    Story::ends("EH2 EH2 EH2 EH3"),
];

struct Story {
    days: &'static str,
    repeats: bool,
}

impl Story {
    /// A story whose last day goes on for ever.
    const fn ends(days: &'static str) -> Self {
        Self {
            days,
            repeats: false,
        }
    }

    /// A story that begins again after its last day.
    const fn repeats(days: &'static str) -> Self {
        Self {
            days,
            repeats: true,
        }
    }
}

/// The id at `place` among the scripted users; `place < SCRIPTED`.
pub(crate) fn scripted_id(place: u64) -> u64 {
    if place < SMALL_IDS {
        place + 1
    } else {
        LARGE_IDS[usize::from(place > SMALL_IDS)]
    }
}

/// What the extract of `day` says of a scripted user; `None` if `id` is not scripted.
pub(crate) fn scripted_entry(id: u64, day: u32) -> Option<Entry<'static>> {
    let place = (0..SCRIPTED).find(|place| scripted_id(*place) == id)?;
    let place = usize::try_from(place).expect("there are few scripts");
    let day = usize::try_from(day).expect("32 bits fit");
    let story = &STORIES[place];
    let words: Vec<&'static str> = story.days.split(' ').collect();
    let today = if story.repeats {
        day % words.len()
    } else {
        day.min(words.len() - 1)
    };
    Some(match words[today] {
        "-" => Entry::Absent,
        "null" => Entry::Listed(None),
        postcode => Entry::Listed(Some(postcode)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postcodes::Postcodes;

    #[test]
    fn scripts_use_postcodes_of_the_list() {
        let postcodes = Postcodes::new();
        for story in STORIES {
            for word in story.days.split(' ') {
                let known = postcodes.list().iter().any(|postcode| postcode == word);
                assert!(known || word == "-" || word == "null", "{word}");
            }
        }
    }

    #[test]
    fn every_scripted_user_has_a_story() {
        assert_eq!(STORIES.len() as u64, SCRIPTED);
    }

    #[test]
    fn stories_end_or_repeat() {
        let postcode = Entry::Listed(Some("SW20"));
        assert_eq!(scripted_entry(2, 2), Some(postcode));
        assert_eq!(scripted_entry(2, 900), Some(postcode));
        assert_eq!(scripted_entry(4, 0), scripted_entry(4, 7));
        assert_eq!(scripted_entry(14, 901), Some(Entry::Absent));
        assert_eq!(scripted_entry(15, 3), Some(Entry::Listed(None)));
        assert_eq!(
            scripted_entry(9_007_199_254_740_993, 3),
            Some(Entry::Listed(Some("EH3")))
        );
        assert_eq!(scripted_entry(17, 0), None);
    }
}
