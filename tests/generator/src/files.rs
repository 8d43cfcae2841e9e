//! Extracts into a directory, on several threads.

use std::{
    io,
    num::NonZeroUsize,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use fs_err::File;

use crate::{extract::Extract, history::History};

/// How much was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Files.
    pub files: usize,
    /// Rows in all of them.
    pub rows: u64,
}

impl History {
    /// Writes one extract into `directory` under its name, and returns its number of rows.
    ///
    /// The file has another name until it is complete, so that whoever looks for extracts
    /// never sees half of one.
    ///
    /// # Errors
    ///
    /// What the file system fails with; half a file may be left under the other name.
    ///
    /// # Panics
    ///
    /// If the extract's day is not below [`Settings::days`](crate::Settings::days), or its
    /// hour not below 24.
    pub fn write_file(&self, extract: Extract, directory: &Path) -> io::Result<u64> {
        let name = self.file_name(extract);
        let unfinished = directory.join(format!(".{name}.unfinished"));
        let rows = self.write(extract, File::create(&unfinished)?)?;
        fs_err::rename(&unfinished, directory.join(name))?;
        Ok(rows)
    }

    /// Writes `extracts` into `directory`, which is made if it is missing.
    ///
    /// The number of threads shows in the time it takes and in nothing else.
    ///
    /// # Errors
    ///
    /// What the file system fails with; other files may have been written.
    ///
    /// # Panics
    ///
    /// If the day of one is not below [`Settings::days`](crate::Settings::days), or its
    /// hour not below 24.
    pub fn write_files(
        &self,
        extracts: &[Extract],
        directory: &Path,
        threads: NonZeroUsize,
    ) -> io::Result<Written> {
        fs_err::create_dir_all(directory)?;
        let next = AtomicUsize::new(0);
        let work = || {
            let mut written = Written::default();
            while let Some(extract) = extracts.get(next.fetch_add(1, Ordering::Relaxed)) {
                match self.write_file(*extract, directory) {
                    Ok(rows) => {
                        written.files += 1;
                        written.rows += rows;
                    }
                    Err(error) => {
                        next.store(extracts.len(), Ordering::Relaxed);
                        return Err(error);
                    }
                }
            }
            Ok(written)
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..threads.get()).map(|_| scope.spawn(work)).collect();
            let mut total = Written::default();
            for thread in threads {
                let written = thread.join().expect("writing does not panic")?;
                total.files += written.files;
                total.rows += written.rows;
            }
            Ok(total)
        })
    }
}
