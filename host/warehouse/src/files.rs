//! Files of a source: finding them and knowing them again.

use std::{
    io::{self, Read, Seek, SeekFrom},
    path::{Component, Path, PathBuf},
    sync::mpsc,
    thread,
};

use chrono::{DateTime, Utc};
use flate2::bufread::MultiGzDecoder;
use fs_err::File;

use crate::{
    csv_record::{self, QuoteScan, Quotes, count_lines, read_full},
    csv_scan::{CsvScan, Seen},
    error::ReadError,
    json::MemberScan,
    source::FileSource,
};

/// Bytes read at once.
const BLOCK: usize = 1 << 18;

/// How many blocks may wait for the thread that looks at them.
const WAITING_BLOCKS: usize = 8;

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

    /// The digest of its bytes, as [`digest_file`] gives it, if it was taken.
    pub digest: Option<String>,

    /// What was seen of its quotes when the digest was taken, and for which delimiter.
    pub(crate) seen_quotes: Option<(u8, Quotes)>,

    /// The last byte of its text that was seen when the digest was taken, if there is one.
    pub(crate) seen_last: Option<u8>,

    /// What was seen in its text, as CSV of a source, when the digest was taken for that source.
    pub(crate) seen: Option<Seen>,

    /// Declared members whose names were not seen in its text when the digest was taken.
    pub(crate) unseen_members: Option<Vec<String>>,
}

impl FileIdentity {
    /// Takes the digest of the file, as [`digest_file`] does.
    ///
    /// What reading the file as one of `source` needs to know of it beforehand is found out on
    /// the way, so that the file is not read once more for it; on another thread, if one is free.
    ///
    /// # Errors
    ///
    /// As [`digest_file`], about [`FileIdentity::path`].
    pub fn take_digest(&mut self, source: &FileSource, free_thread: bool) -> Result<(), ReadError> {
        let mut scan = source
            .format
            .delimiter()
            .map(|delimiter| (delimiter, QuoteScan::new(delimiter)));
        let mut last = None;
        let mut csv = CsvScan::new(source);
        let mut members = MemberScan::new(source);
        let mut look = |bytes: &[u8]| {
            last = bytes.last().copied().or(last);
            csv.add(bytes);
            members.add(bytes);
            if let Some((_, scan)) = &mut scan {
                scan.add(bytes);
            }
        };
        let digest = if free_thread {
            digest_beside(&self.absolute, look)
        } else {
            digest(&self.absolute, |block| look(block))
        };
        self.digest = Some(digest.map_err(|error| self.read_error(error))?);
        self.seen_quotes = scan.map(|(delimiter, scan)| (delimiter, scan.finish()));
        self.seen_last = last;
        self.seen = Some(csv.finish());
        self.unseen_members = Some(members.finish());
        Ok(())
    }

    /// Checks that the last line of the text has its end; a file without a byte has no line.
    pub(crate) fn check_last_line(&self) -> Result<(), ReadError> {
        let last = match self.seen_last {
            Some(last) => Some(last),
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
        let seen = if let Some(seen) = &self.seen {
            seen
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
        if let Some(unseen) = &self.unseen_members {
            return Ok(unseen.clone());
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

    /// Reads the text, block by block.
    fn each_block(&self, mut look: impl FnMut(&[u8])) -> io::Result<()> {
        let mut reader = self.open_text()?;
        let mut block = vec![0; BLOCK];
        loop {
            let read = read_full(&mut reader, &mut block)?;
            if read == 0 {
                return Ok(());
            }
            look(&block[..read]);
        }
    }

    /// Looks at the quotes of the file, unless that was done.
    pub(crate) fn quotes(&self, delimiter: u8) -> Result<Quotes, ReadError> {
        if let Some((seen, quotes)) = self.seen_quotes
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
        let file = File::open(&self.absolute)?;
        let file = io::BufReader::with_capacity(BLOCK, file);
        Ok(if self.is_gzip() {
            Box::new(MultiGzDecoder::new(file))
        } else {
            Box::new(file)
        })
    }

    /// Gives an error of the operating system its place.
    pub(crate) fn read_error(&self, source: io::Error) -> ReadError {
        read_error(&self.path, self.is_gzip(), source)
    }
}

fn is_gzip(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}

fn read_error(path: &str, gzip: bool, source: io::Error) -> ReadError {
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
        seen_quotes: None,
        seen_last: None,
        seen: None,
        unseen_members: None,
        path: shown,
    }))
}

/// Takes the digest of a file, `blake3:` and 64 hexadecimal digits.
///
/// The digest is of the bytes in the file. If its name ends in `.gz` it is decompressed
/// as well, to be sure that it is whole: DuckDB reads a truncated one without a word.
///
/// # Errors
///
/// - [`ReadError::Vanished`], [`ReadError::Unreadable`] if the file cannot be read.
/// - [`ReadError::Truncated`] if its compressed data is incomplete or damaged.
pub fn digest_file(path: &Path) -> Result<String, ReadError> {
    digest(path, |_| {}).map_err(|error| read_error(&path.to_string_lossy(), is_gzip(path), error))
}

/// Takes the digest of a file and shows its text, decompressed, block by block.
fn digest(path: &Path, mut show: impl FnMut(&mut Vec<u8>)) -> io::Result<String> {
    let mut hashed = HashingReader {
        inner: File::open(path)?,
        hasher: blake3::Hasher::new(),
    };
    let mut block = Vec::new();
    let mut show_all = |reader: &mut dyn Read| -> io::Result<()> {
        loop {
            block.resize(BLOCK, 0);
            let read = read_full(&mut *reader, &mut block)?;
            if read == 0 {
                return Ok(());
            }
            block.truncate(read);
            show(&mut block);
        }
    };
    if is_gzip(path) {
        let file = io::BufReader::with_capacity(BLOCK, &mut hashed);
        show_all(&mut MultiGzDecoder::new(file))?;
    } else {
        show_all(&mut hashed)?;
    }
    Ok(format!("blake3:{}", hashed.hasher.finalize().to_hex()))
}

/// Takes the digest of a file, while another thread looks at its text.
fn digest_beside(path: &Path, mut look: impl FnMut(&[u8]) + Send) -> io::Result<String> {
    let (shown, to_see) = mpsc::sync_channel::<Vec<u8>>(WAITING_BLOCKS);
    let (seen, to_fill) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            for block in to_see {
                look(&block);
                // Nobody fills it again if the file has ended.
                drop(seen.send(block));
            }
        });
        // It ends the queue when it is dropped, and so the other thread.
        digest(path, move |block| {
            let next = to_fill.try_recv().unwrap_or_default();
            let full = std::mem::replace(block, next);
            shown.send(full).expect("the other thread sees all blocks");
        })
    })
}

struct HashingReader {
    inner: File,
    hasher: blake3::Hasher,
}

impl Read for HashingReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

fn modified(metadata: &std::fs::Metadata) -> io::Result<DateTime<Utc>> {
    let exact: DateTime<Utc> = metadata.modified()?.into();
    // What the ledger keeps, so that a recorded time equals the file's.
    Ok(DateTime::from_timestamp_micros(exact.timestamp_micros()).unwrap_or(exact))
}
