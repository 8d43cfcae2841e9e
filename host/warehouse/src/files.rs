//! Files of a source: finding them and knowing them again.

use std::{
    io::{self, Read, Seek, SeekFrom},
    path::{Component, Path, PathBuf},
};

use chrono::{DateTime, Utc};
use flate2::bufread::MultiGzDecoder;
use fs_err::File;

use crate::{
    csv_record::{self, QuoteScan, Quotes, count_lines, read_full},
    csv_scan::CsvScan,
    digest::{self, TextSeen},
    error::ReadError,
    json::MemberScan,
    source::FileSource,
};

/// Bytes read at once.
pub(crate) const BLOCK: usize = 1 << 18;

/// A file, and what tells whether it is still the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileIdentity {
    /// The path relative to the directory that was searched, with `/` between its parts.
    pub path: String,

    /// The path to open it by.
    pub absolute: PathBuf,

    /// Its size.
    pub size_bytes: u64,

    /// When it was last modified, to the microsecond.
    pub modified: DateTime<Utc>,

    /// The digest of its bytes, as [`crate::digest_file`] gives it, if it was taken.
    pub digest: Option<String>,

    /// What was seen of its text when the digest was taken for a source.
    pub(crate) text: Option<TextSeen>,
}

impl FileIdentity {
    /// Takes the digest of the file, as [`crate::digest_file`] does.
    ///
    /// What reading the file as one of `source` needs to know of it beforehand is found out on
    /// the way, so that the file is not read once more for it; on another thread, too, if one is
    /// free.
    ///
    /// # Errors
    ///
    /// As [`crate::digest_file`], about [`FileIdentity::path`].
    pub fn take_digest(&mut self, source: &FileSource, free_thread: bool) -> Result<(), ReadError> {
        let taken = digest::take(&self.absolute, source, free_thread);
        let (digest, text) = taken.map_err(|error| self.read_error(error))?;
        self.digest = Some(digest);
        self.text = Some(text);
        Ok(())
    }

    /// Checks that the last line of the text has its end; a file without a byte has no line.
    pub(crate) fn check_last_line(&self) -> Result<(), ReadError> {
        let last = match &self.text {
            Some(text) => text.last,
            None => self.last_byte().map_err(|error| self.read_error(error))?,
        };
        if last.is_none_or(|last| last == b'\n') {
            return Ok(());
        }
        let (line, raw) = self.last_line().map_err(|error| self.read_error(error))?;
        Err(ReadError::MissingLineEnd {
            path: self.path.clone(),
            line,
            raw: csv_record::raw(&raw),
        })
    }

    /// Checks that reading the columns of a projection changes no value.
    pub(crate) fn check_values(
        &self,
        source: &FileSource,
        projection: &[usize],
    ) -> Result<(), ReadError> {
        let scanned;
        let seen = if let Some(text) = &self.text {
            &text.csv
        } else {
            let mut scan = CsvScan::new(source);
            self.each_block(|block| scan.add(block))
                .map_err(|error| self.read_error(error))?;
            scanned = scan.finish();
            &scanned
        };
        let read = seen.lossy.iter().filter(|v| projection.contains(&v.column));
        let Some(first) = read.min_by_key(|value| value.line) else {
            return Ok(());
        };
        Err(ReadError::Lossy {
            path: self.path.clone(),
            line: first.line,
            column: source.columns[first.column].name().clone(),
            reason: first.reason,
            raw: first.raw.clone(),
        })
    }

    /// Returns the declared members whose names are not in the text as they are.
    pub(crate) fn unseen_members(&self, source: &FileSource) -> Result<Vec<String>, ReadError> {
        if let Some(text) = &self.text {
            return Ok(text.unseen_members.clone());
        }
        let mut scan = MemberScan::new(source);
        self.each_block(|block| scan.add(block))
            .map_err(|error| self.read_error(error))?;
        Ok(scan.finish())
    }

    /// Returns the last byte of the text.
    fn last_byte(&self) -> io::Result<Option<u8>> {
        if self.is_gzip() {
            let mut last = None;
            self.each_block(|block| last = block.last().copied())?;
            return Ok(last);
        }
        let mut file = File::open(&self.absolute)?;
        if file.seek(SeekFrom::End(0))? == 0 {
            return Ok(None);
        }
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        Ok(Some(last[0]))
    }

    /// Returns the number of the last line, and how it begins.
    fn last_line(&self) -> io::Result<(u64, Vec<u8>)> {
        let (mut line, mut raw) = (1, Vec::new());
        self.each_block(|block| {
            line += count_lines(block);
            let begin = memchr::memrchr(b'\n', block).map(|end| end + 1);
            if begin.is_some() {
                raw.clear();
            }
            // No more than is kept of it.
            let rest = &block[begin.unwrap_or(0)..];
            let room = csv_record::RAW.saturating_sub(raw.len());
            raw.extend_from_slice(&rest[..rest.len().min(room)]);
        })?;
        Ok((line, raw))
    }

    fn each_block(&self, look: impl FnMut(&[u8])) -> io::Result<()> {
        each_block(&self.absolute, look)
    }

    /// Looks at the quotes of the file, unless that was done.
    pub(crate) fn quotes(&self, delimiter: u8) -> Result<Quotes, ReadError> {
        if let Some((seen, quotes)) = self.text.as_ref().and_then(|text| text.quotes)
            && seen == delimiter
        {
            return Ok(quotes);
        }
        let mut scan = QuoteScan::new(delimiter);
        let read = self.each_block(|block| scan.add(block));
        read.map_err(|error| self.read_error(error))?;
        Ok(scan.finish())
    }

    /// Checks that the file is as it was when it was listed.
    pub(crate) fn check_unchanged(&self) -> Result<(), ReadError> {
        let now = fs_err::metadata(&self.absolute).map_err(|error| self.read_error(error))?;
        let modified = modified(&now).map_err(|error| self.read_error(error))?;
        if now.len() != self.size_bytes || modified != self.modified {
            return Err(ReadError::Changed {
                path: self.path.clone(),
            });
        }
        Ok(())
    }

    pub(crate) fn is_gzip(&self) -> bool {
        is_gzip(&self.absolute)
    }

    /// Returns the path for DuckDB, in which the characters of its patterns stand for themselves.
    pub(crate) fn duckdb_path(&self) -> String {
        let mut escaped = String::new();
        for character in self.absolute.to_string_lossy().chars() {
            match character {
                '*' | '?' | '[' => escaped.extend(['[', character, ']']),
                _ => escaped.push(character),
            }
        }
        escaped
    }

    /// Opens the file, decompressing it if its name says so.
    pub(crate) fn open(&self) -> Result<Box<dyn Read>, ReadError> {
        self.open_text().map_err(|error| self.read_error(error))
    }

    fn open_text(&self) -> io::Result<Box<dyn Read>> {
        open_text(&self.absolute)
    }

    /// Gives an error of the operating system its place.
    pub(crate) fn read_error(&self, source: io::Error) -> ReadError {
        read_error(&self.path, self.is_gzip(), source)
    }
}

pub(crate) fn is_gzip(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}

/// Reads the text of a file, decompressed, block by block.
pub(crate) fn each_block(path: &Path, mut look: impl FnMut(&[u8])) -> io::Result<()> {
    let mut reader = open_text(path)?;
    let mut block = vec![0; BLOCK];
    loop {
        let read = read_full(&mut reader, &mut block)?;
        if read == 0 {
            return Ok(());
        }
        look(&block[..read]);
    }
}

fn open_text(path: &Path) -> io::Result<Box<dyn Read>> {
    let file = io::BufReader::with_capacity(BLOCK, File::open(path)?);
    Ok(if is_gzip(path) {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    })
}

pub(crate) fn read_error(path: &str, gzip: bool, source: io::Error) -> ReadError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound => ReadError::Vanished { path },
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
            if gzip =>
        {
            ReadError::Truncated { path }
        }
        _ => ReadError::Unreadable { path, source },
    }
}

/// Counts the parts of a path whose names begin with a dot.
fn hidden_parts(path: &Path) -> usize {
    let is_hidden = |part: &Component<'_>| matches!(part, Component::Normal(name) if name.as_encoded_bytes().starts_with(b"."));
    path.components().filter(is_hidden).count()
}

/// Finds the files that match a pattern, sorted by path.
///
/// The pattern is relative to `base`, unless it is absolute; `*` does not cross `/`, and
/// `**` does. Directories are left out, and what is hidden unless the pattern names its dot, and
/// what is below a directory whose name is no UTF-8. Digests are not taken.
///
/// # Errors
///
/// - [`ReadError::Pattern`] if the pattern is malformed.
/// - [`ReadError::NotUtf8Name`] if a file is meant whose own name is no UTF-8.
/// - [`ReadError::Unreadable`] if a directory or file cannot be looked at.
pub fn list_files(base: &Path, pattern: &str) -> Result<Vec<FileIdentity>, ReadError> {
    let full = if Path::new(pattern).is_absolute() {
        pattern.to_owned()
    } else {
        let base = glob::Pattern::escape(&base.to_string_lossy());
        if base.is_empty() {
            pattern.to_owned()
        } else {
            format!("{base}/{pattern}")
        }
    };
    let options = glob::MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        // Hidden files are left out below: the crate panics on names that are no UTF-8 here.
        require_literal_leading_dot: false,
    };
    let found = glob::glob_with(&full, options).map_err(|source| ReadError::Pattern {
        pattern: pattern.to_owned(),
        source,
    })?;
    let mut files = Vec::new();
    for path in found {
        let path = path.map_err(|error| ReadError::Unreadable {
            path: error.path().display().to_string(),
            source: error.into(),
        })?;
        if hidden_parts(path.strip_prefix(base).unwrap_or(&path)) > hidden_parts(Path::new(pattern))
        {
            continue;
        }
        files.extend(look_at(base, &path)?);
    }
    check_names(base, &full, options)?;
    files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(files)
}

/// Refuses a file whose name is no UTF-8, where the pattern would find it if it were: the crate
/// passes over it.
fn check_names(base: &Path, pattern: &str, options: glob::MatchOptions) -> Result<(), ReadError> {
    let (parent, name) = pattern.rsplit_once('/').unwrap_or((".", pattern));
    let parent = if parent.is_empty() { "/" } else { parent };
    // `a/**` finds what is below `a` only.
    let parents = [Some(parent), parent.strip_suffix("/**")];
    // A malformed pattern, or an unreadable directory, was told before.
    let Ok(name) = glob::Pattern::new(name) else {
        return Ok(());
    };
    let found = parents.into_iter().flatten();
    let found = found.filter_map(|parent| glob::glob_with(parent, options).ok());
    for directory in found.flatten().flatten() {
        let Ok(entries) = fs_err::read_dir(&directory) else {
            continue;
        };
        for entry in entries.flatten() {
            let file_name = entry.file_name();
            if file_name.to_str().is_some() {
                continue;
            }
            let shown = file_name.to_string_lossy();
            let is_hidden = shown.starts_with('.') && !name.as_str().starts_with('.');
            if !is_hidden && name.matches_with(&shown, options) && entry.path().is_file() {
                let path = entry.path();
                let path = path.strip_prefix(base).unwrap_or(&path);
                return Err(ReadError::NotUtf8Name {
                    path: path.to_string_lossy().into_owned(),
                });
            }
        }
    }
    Ok(())
}

/// Finds a file again by the path that [`list_files`] gave it; none if it is gone.
///
/// # Errors
///
/// [`ReadError::Unreadable`] if it cannot be looked at.
pub fn find_file(base: &Path, path: &str) -> Result<Option<FileIdentity>, ReadError> {
    look_at(base, &base.join(path))
}

/// Returns what tells a file from others; none if there is no such file, or if it is a directory.
fn look_at(base: &Path, path: &Path) -> Result<Option<FileIdentity>, ReadError> {
    let relative = path.strip_prefix(base).unwrap_or(path);
    let parts: Vec<_> = relative
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    let shown = if relative.is_absolute() {
        relative.to_string_lossy().into_owned()
    } else {
        parts.join("/")
    };
    let unreadable = |source| read_error(&shown, false, source);
    let metadata = match fs_err::metadata(path) {
        Ok(metadata) => metadata,
        // Gone between the listing and the look: as if it had never been listed.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    if !metadata.is_file() {
        return Ok(None);
    }
    Ok(Some(FileIdentity {
        absolute: std::path::absolute(path).map_err(unreadable)?,
        size_bytes: metadata.len(),
        modified: modified(&metadata).map_err(unreadable)?,
        digest: None,
        text: None,
        path: shown,
    }))
}

fn modified(metadata: &std::fs::Metadata) -> io::Result<DateTime<Utc>> {
    let exact: DateTime<Utc> = metadata.modified()?.into();
    // What the ledger keeps, so that a recorded time equals the file's.
    Ok(DateTime::from_timestamp_micros(exact.timestamp_micros()).unwrap_or(exact))
}
