//! What the flagship pipeline must hold, worked out from the raw extracts alone.
//!
//! This is the judge of the engine, so it is plain and slow, and shares nothing with
//! it: no crate of Wigeon, no Arrow, no database, and not the generator either. It reads
//! the CSV files (plain, or gzip by their `.gz` ending) from the first line to the last
//! and applies the law word by word. The order in which files are named never matters:
//! a users extract stands for midnight of the date in its name, and rows are sorted.
//!
//! Anything unexpected in a file is a panic that names it. The oracle only ever judges
//! input that is meant to be good; what the engine says about bad input is tested
//! elsewhere.

mod extracts;
mod pageviews;
mod text;
mod versions;

pub use pageviews::{BeforeFirst, Row, pageviews, pageviews_with};
pub use text::{history_csv, pageviews_csv};
pub use versions::{Version, history};
