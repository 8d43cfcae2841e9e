//! Digests of files, and what is found out of their text on the way.
//!
//! A digest reads every byte, and so does what must be known of a text before it is read as a
//! table. Pieces of simple CSV, as most of it is, are looked at by two threads: its records end at
//! every line feed. Any other text is looked at in its order.

use std::{
    io::{self, Read},
    mem,
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel},
    },
    thread,
};

use flate2::bufread::MultiGzDecoder;
use fs_err::File;
use memchr::{memchr, memrchr};

use crate::{
    csv_record::{QuoteScan, Quotes, read_full},
    csv_scan::{CsvScan, Seen},
    error::ReadError,
    files::{BLOCK, each_block, is_gzip, read_error},
    json::MemberScan,
    source::FileSource,
};

/// How many pieces may wait for the thread that looks at them.
const WAITING_PIECES: usize = 8;

/// A longer record is not waited for.
const LONGEST: usize = 4 * BLOCK;

/// What was seen of a text as one of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TextSeen {
    /// Of its quotes as CSV, and for which delimiter.
    pub(crate) quotes: Option<(u8, Quotes)>,

    /// Its last byte, if it has one.
    pub(crate) last: Option<u8>,

    /// Of its values as CSV.
    pub(crate) csv: Seen,

    /// Declared members whose names are not in it.
    pub(crate) unseen_members: Vec<String>,
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
    digest(path, |_| 0)
        .map(|(digest, _)| digest)
        .map_err(|error| read_error(&path.to_string_lossy(), is_gzip(path), error))
}

/// Takes the digest of a file and looks at its text, on another thread, too, if one is free.
pub(crate) fn take(
    path: &Path,
    source: &FileSource,
    free_thread: bool,
) -> io::Result<(String, TextSeen)> {
    if free_thread {
        let (digest, seen, _) = divided(path, source, WAITING_PIECES)?;
        return Ok((digest, seen));
    }
    let mut look = Look::new(source);
    let (digest, _) = digest(path, |block| {
        look.add(block);
        0
    })?;
    Ok((digest, look.finish()))
}

/// Looks at a whole text in its order.
fn in_order(path: &Path, source: &FileSource) -> io::Result<TextSeen> {
    let mut look = Look::new(source);
    each_block(path, |block| look.add(block))?;
    Ok(look.finish())
}

/// Looks at a text block by block, in its order.
struct Look {
    quotes: Option<(u8, QuoteScan)>,
    last: Option<u8>,
    csv: CsvScan,
    members: MemberScan,
}

impl Look {
    fn new(source: &FileSource) -> Self {
        let delimiter = source.format.delimiter();
        Self {
            quotes: delimiter.map(|delimiter| (delimiter, QuoteScan::new(delimiter))),
            last: None,
            csv: CsvScan::new(source),
            members: MemberScan::new(source),
        }
    }

    fn add(&mut self, block: &[u8]) {
        self.last = block.last().copied().or(self.last);
        self.csv.add(block);
        self.members.add(block);
        if let Some((_, quotes)) = &mut self.quotes {
            quotes.add(block);
        }
    }

    fn finish(self) -> TextSeen {
        TextSeen {
            quotes: self.quotes.map(|(of, quotes)| (of, quotes.finish())),
            last: self.last,
            csv: self.csv.finish(),
            unseen_members: self.members.finish(),
        }
    }
}

/// Takes the digest of a file and shows its text, decompressed, block by block.
///
/// So many bytes as `show` returns, the first that it leaves, come again before the next block.
/// Returns those that it left of the last one, too.
fn digest(
    path: &Path,
    mut show: impl FnMut(&mut Vec<u8>) -> usize,
) -> io::Result<(String, Vec<u8>)> {
    let mut hashed = HashingReader {
        inner: File::open(path)?,
        hasher: blake3::Hasher::new(),
    };
    let (mut block, mut left) = (Vec::new(), 0);
    let mut show_all = |reader: &mut dyn Read| -> io::Result<()> {
        loop {
            block.resize(left + BLOCK, 0);
            let read = read_full(&mut *reader, &mut block[left..])?;
            block.truncate(left + read);
            if read == 0 {
                return Ok(());
            }
            left = show(&mut block);
        }
    };
    if is_gzip(path) {
        let file = io::BufReader::with_capacity(BLOCK, &mut hashed);
        show_all(&mut MultiGzDecoder::new(file))?;
    } else {
        show_all(&mut hashed)?;
    }
    let digest = format!("blake3:{}", hashed.hasher.finalize().to_hex());
    Ok((digest, block))
}

/// Takes the digest of a file on this thread, while another one looks at its text.
///
/// This thread looks at pieces for which the other one has no time, as long as all is simple. So many
/// pieces may wait. Returns how the text was looked at, too.
fn divided(
    path: &Path,
    source: &FileSource,
    waiting_pieces: usize,
) -> io::Result<(String, TextSeen, Way)> {
    let order = Order::of(source);
    let (sender, pieces) = sync_channel(waiting_pieces);
    let (seen, to_fill) = channel();
    thread::scope(|scope| {
        let order = &order;
        let other = scope.spawn(move || look_beside(path, source, order, pieces, &seen));
        let mut cut = Cut {
            own: CsvScan::new(source),
            has_header: false,
            order,
            sender,
            to_fill,
        };
        let (digest, left) = digest(path, |block| cut.show(block))?;
        let own = cut.end(left);
        let other = other.join();
        let mut seen = other.expect("looking at a text does not panic")?;
        let way = order.get();
        if way == Way::Divided {
            seen.csv.merge(own.finish());
        }
        Ok((digest, seen, way))
    })
}

/// How a text is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// By the other thread alone so far. All was simple.
    Whole,
    /// By both threads. All was simple.
    Divided,
    /// By the other thread alone, to its end.
    InOrder,
    /// By the other thread alone, once more from the beginning: some of what came before that which
    /// is not simple had been looked at by this thread.
    Again,
}

/// How a text is looked at, as both threads know it.
#[derive(Debug)]
struct Order(Mutex<Way>);

impl Order {
    fn of(source: &FileSource) -> Self {
        let is_csv = source.format.delimiter().is_some();
        Self(Mutex::new(if is_csv { Way::Whole } else { Way::InOrder }))
    }

    fn get(&self) -> Way {
        *self.lock()
    }

    /// Asks whether this thread may look at a piece.
    fn divide(&self) -> bool {
        let mut way = self.lock();
        if *way == Way::Whole {
            *way = Way::Divided;
        }
        *way == Way::Divided
    }

    /// Notes whether what was seen is simple.
    fn note(&self, simple: bool) {
        if simple {
            return;
        }
        let mut way = self.lock();
        *way = match *way {
            Way::Whole | Way::InOrder => Way::InOrder,
            Way::Divided | Way::Again => Way::Again,
        };
    }

    fn lock(&self) -> MutexGuard<'_, Way> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cuts a text into pieces, of whole lines as long as it may be divided.
struct Cut<'a> {
    /// What this thread saw: the header, and the pieces for which the other one had no time.
    own: CsvScan,
    has_header: bool,
    order: &'a Order,
    sender: SyncSender<Vec<u8>>,
    to_fill: Receiver<Vec<u8>>,
}

impl Cut<'_> {
    /// Takes a block of the text and returns how much of it is left for later.
    fn show(&mut self, block: &mut Vec<u8>) -> usize {
        let way = self.order.get();
        if way == Way::Again {
            return 0;
        }
        let end = memrchr(b'\n', block).map(|end| end + 1);
        let end = match (way, end) {
            (Way::Whole | Way::Divided, Some(end)) => end,
            // The rest of the line is waited for.
            (Way::Whole | Way::Divided, None) if block.len() <= LONGEST => return block.len(),
            _ => {
                self.order.note(false);
                block.len()
            }
        };
        let mut next = self.to_fill.try_recv().unwrap_or_default();
        let left = block.len() - end;
        // It keeps what was in it: bytes that were never set would have to be.
        next.resize(next.len().max(left), 0);
        next[..left].copy_from_slice(&block[end..]);
        block.truncate(end);
        let piece = mem::replace(block, next);
        self.hand_out(piece);
        left
    }

    fn hand_out(&mut self, piece: Vec<u8>) {
        if !self.has_header {
            self.has_header = true;
            let end = memchr(b'\n', &piece).map_or(piece.len(), |end| end + 1);
            self.own.add(&piece[..end]);
            drop(self.sender.send(piece));
            return;
        }
        // Once the other thread begins again it listens no more.
        if let Err(TrySendError::Full(piece)) = self.sender.try_send(piece) {
            if self.order.divide() {
                self.own.add(&piece);
                self.order.note(self.own.is_simple());
            } else {
                drop(self.sender.send(piece));
            }
        }
    }

    /// Hands out what is left, and returns what this thread saw.
    fn end(self, left: Vec<u8>) -> CsvScan {
        // Even if it is nothing: the other thread is to see that it must begin again.
        drop(self.sender.send(left));
        self.own
    }
}

/// Looks at pieces of a text, beside the thread that takes the digest.
fn look_beside(
    path: &Path,
    source: &FileSource,
    order: &Order,
    pieces: Receiver<Vec<u8>>,
    seen: &Sender<Vec<u8>>,
) -> io::Result<TextSeen> {
    let mut look = Look::new(source);
    for piece in &pieces {
        look.add(&piece);
        order.note(look.csv.is_simple());
        if order.get() == Way::Again {
            // Nobody waits for this thread to take more of them.
            drop(pieces);
            return in_order(path, source);
        }
        // Nobody fills it again if the file has ended.
        drop(seen.send(piece));
    }
    Ok(look.finish())
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

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use arrow_schema::{DataType, Field};

    use super::*;
    use crate::source::SourceFormat;

    fn source(format: SourceFormat) -> FileSource {
        FileSource {
            format,
            columns: vec![
                Field::new("id", DataType::Int64, true),
                Field::new("name", DataType::Utf8, true),
            ],
            ignore_extra_columns: true,
            accept_missing_line_end: false,
        }
    }

    fn csv() -> FileSource {
        source(SourceFormat::Csv {
            delimiter: ',',
            null_value: String::new(),
        })
    }

    /// Some blocks of records, one of which is another.
    fn text(place: usize, other: &str) -> String {
        let mut text = "id,name\n".to_owned();
        for id in 0..400_000 {
            if id == place {
                text.push_str(other);
            } else {
                writeln!(text, "{id},name of {id}").expect("a string can be written to");
            }
        }
        text
    }

    /// What is seen by one thread, which two must agree with, and how these looked at the text.
    fn seen(path: &Path, source: &FileSource) -> (TextSeen, Vec<Way>) {
        let (digest, seen) = take(path, source, false).unwrap();
        let mut ways = vec![];
        for waiting_pieces in [WAITING_PIECES, 0, 0] {
            let (other, divided, way) = divided(path, source, waiting_pieces).unwrap();
            assert_eq!(other, digest);
            assert_eq!(divided, seen);
            ways.push(way);
        }
        assert_eq!(digest_file(path).unwrap(), digest);
        (seen, ways)
    }

    #[test]
    fn two_threads_see_what_one_sees_wherever_a_record_is_not_simple() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f.csv");
        let long = format!("1,{}\n", "x".repeat(LONGEST + BLOCK));
        let mut ways = vec![];
        for place in [0, 100_000, 200_000, 300_000, 399_999] {
            for (other, simple, lossy) in [
                ("7,b\n", true, 0),
                (",\n", true, 0),
                ("1e3,b\n", true, 0),
                ("1.5,b\n", true, 1),
                ("7,\"b, \"\"c\"\"\"\n", true, 0),
                ("7,\"b\nc\"\n", false, 0),
                ("7,b\r\n", false, 0),
                ("7\n", false, 0),
                (long.as_str(), false, 0),
            ] {
                fs_err::write(&path, text(place, other)).unwrap();
                let (seen, found) = seen(&path, &csv());
                ways.extend(found);
                let shown = &other[..other.len().min(20)];
                assert_eq!(seen.csv.canonical.is_some(), simple, "{shown} at {place}");
                assert_eq!(seen.csv.lossy.len(), lossy, "{shown} at {place}");
            }
        }
        for way in [Way::Divided, Way::Again] {
            assert!(ways.contains(&way), "{way:?} was not tested");
        }
    }

    #[test]
    fn two_threads_see_what_one_sees_of_texts_that_end_early() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f.csv");
        let mut cut_off = text(0, "0,\n");
        cut_off.pop();
        for whole in [
            "",
            "id",
            "id,name\n",
            "\u{feff}id,name\n1,a\n",
            "id,name\n1,\"",
            &cut_off,
        ] {
            fs_err::write(&path, whole).unwrap();
            assert_eq!(seen(&path, &csv()).0.last, whole.bytes().last());
        }
    }

    #[test]
    fn two_threads_see_what_one_sees_of_members() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f.ndjson");
        fs_err::write(&path, "{\"id\": 1}\n".repeat(300_000)).unwrap();
        let (seen, _) = seen(&path, &source(SourceFormat::Ndjson));
        assert_eq!(seen.unseen_members, ["name"]);
    }
}
