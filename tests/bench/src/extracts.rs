//! The extracts that both sides read.

use std::{io, num::NonZeroUsize, path::PathBuf, thread};

use fs_err as fs;
use wigeon_generator::{Extract, History, Settings};

use crate::settings::Scale;

/// A directory with the extracts that are wanted now, and no others.
pub(crate) struct Extracts {
    history: History,
    directory: PathBuf,
}

impl Extracts {
    /// The extracts of `scale` up to and without day `days`, of which 1 % of the users move every day.
    pub(crate) fn new(scale: Scale, days: u32, directory: PathBuf) -> Self {
        let history = History::new(Settings {
            users: scale.users(),
            views_per_day: scale.views_per_day(),
            days,
            ..Settings::default()
        });
        Self { history, directory }
    }

    pub(crate) fn directory(&self) -> &PathBuf {
        &self.directory
    }

    /// Returns the date of a day.
    pub(crate) fn date(&self, day: u32) -> String {
        let start = self.history.settings().start;
        (start + chrono::Days::new(u64::from(day))).to_string()
    }

    /// Makes the directory hold these extracts only, all of them in the page cache.
    pub(crate) fn only(&self, extracts: &[Extract]) -> io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        let wanted: Vec<_> = extracts
            .iter()
            .map(|extract| self.history.file_name(*extract))
            .collect();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            if !wanted.iter().any(|name| entry.file_name() == **name) {
                fs::remove_file(entry.path())?;
            }
        }
        let mut missing = vec![];
        for (extract, name) in extracts.iter().zip(&wanted) {
            let path = self.directory.join(name);
            if path.exists() {
                io::copy(&mut fs::File::open(path)?, &mut io::sink())?;
            } else {
                missing.push(*extract);
            }
        }
        let threads = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.history
            .write_files(&missing, &self.directory, threads)?;
        Ok(())
    }
}

/// Returns the 24 extracts of views of a day.
pub(crate) fn views(day: u32) -> Vec<Extract> {
    (0..24).map(|hour| Extract::views(day, hour)).collect()
}
