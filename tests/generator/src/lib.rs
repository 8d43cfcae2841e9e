//! Deterministic extracts of the flagship pipeline, from 40 users to 20 million.
//!
//! A [`History`] is a made-up past of a web company: who is in the users extract of
//! each day with which postcode, and who views which page when. It is a set of pure
//! functions of the settings and a position (user and day; hour and row), so any file
//! can be written alone, in any order and on any thread, and is always the same bytes.
//! Nothing is stored per user or per view.
//!
//! # What is in it
//!
//! - About 3,000 postcodes that look like outward codes (`SW19`, `AB10`), some far more
//!   popular than others; 1 % of the users have none (null).
//! - A share of the users moves each day. One move in four of those that have a place to
//!   go back to returns to the last but one postcode (A -> B -> A), one in sixteen loses
//!   the postcode (null).
//! - One user in 200 is now and then absent for one to three days and returns, half of
//!   them with a new postcode. One id in 1,000 is never listed. The population grows by
//!   0.1 % a day, with at least one newcomer.
//! - Views follow the hours of a day, and a power law over the users: the most active
//!   1 % make a fifth of the views. Scripted users have their own share.
//! - One view in 200 is of a user whom no extract so far shows: half of these ids never
//!   come, the others are listed in one of the next two days.
//! - One row in 200 is late: it is from one to five hours before, or from the day before.
//!
//! Times are those of a wall clock without a time zone; every day has 24 hours.
//!
//! # Scripted users
//!
//! Chance shows none of this to 40 users and 200 views a day, so a few users have a
//! written history, whatever the settings. In this table a column is a day, `-` is
//! absence and `null` a null; the last day goes on for ever unless the story says "again".
//!
//! | id | story | day 0 | 1 | 2 | 3 | 4 | 5 |
//! |---|---|---|---|---|---|---|---|
//! | 1 | never moves | SW19 |
//! | 2 | moves once | SW19 | SW19 | SW20 |
//! | 3 | moves away and back | AB10 | AB11 | AB11 | AB10 |
//! | 4 | moves every day, again after seven | SW1 | SW2 | SW3 | SW4 | SW5 | SW6 |
//! | 5 | appears later | - | - | LS6 |
//! | 6 | disappears, returns unchanged | M14 | M14 | - | - | M14 |
//! | 7 | disappears, returns changed | M15 | M15 | - | - | M16 |
//! | 8 | moves, then disappears for good | E1 | E2 | E2 | - |
//! | 9 | gets a postcode, loses it, gets another | null | N1 | N1 | null | N2 |
//! | 10 | loses the postcode and gets it back | B1 | B1 | null | B1 |
//! | 11 | moves, disappears, returns to the first postcode | G1 | G2 | - | G1 |
//! | 12 | is in no extract | - |
//! | 13 | is in one extract only | - | CF10 | - |
//! | 14 | is absent every second day, again | BS1 | - |
//! | 15 | never has a postcode | null |
//! | 16 | leaves twice, and comes back to the first postcode | L1 | - | L2 | - | L1 |
//! | 9007199254740992 | never moves; its id is 2^53 | EH1 |
//! | 9007199254740993 | moves; as a float it would be the one above | EH2 | EH2 | EH2 | EH3 |
//!
//! They take the first rows of every hour in turns. Some rows are scripted too, in all
//! days that have enough views to reach them (60 do):
//!
//! | hour | row | what it is |
//! |---|---|---|
//! | 10 | 0 | user 4 at 23:59:59 of the day before |
//! | 11 | 0 | user 4 at 00:00:00, when the version of the day begins |
//! | 12 | 0 | user 12, who is in no extract |
//! | 13 | 0 | user 3, three hours late |
//! | 14 | 0 | user 5, on the first two days before any extract lists the user |
//! | 15 | 0, 1 | user 2, twice the same row |
//! | 16 | 0 | user 1, with a URL that needs quotes |
//! | 17 | 0 | user 4, three days late |
//! | 18 | 0 | the first newcomer of tomorrow |
//! | 19 | 0 | user 9007199254740993 |
//! | 20 | 0 | the last newcomer of today; on day 0, user 1 |
//!
//! With 30 users or more, an extract never lacks more than a fifth of the users that the
//! one before it showed, so the default guards of a snapshot hold.

mod encode;
mod extract;
mod files;
mod hash;
mod history;
mod population;
mod postcodes;
mod scripts;
mod settings;
mod views;

pub use extract::Extract;
pub use files::Written;
pub use history::History;
pub use population::Entry;
pub use settings::{Format, Settings};
