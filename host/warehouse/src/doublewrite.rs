//! Copies of the blocks that a checkpoint writes over, and how a torn one is mended with them.
//!
//! DuckDB never writes over what the last checkpoint refers to, but for its metadata. A block of that
//! has 64 parts, and a checkpoint puts new ones where there is room between parts that the last
//! checkpoint still needs; then all of the block is written again, in its place. If the process is
//! killed in the middle of that, or the machine stops, the block is half of each, its checksum is
//! wrong, and DuckDB opens the file never again. (`MetadataManager::Flush` of DuckDB 1.5.6; it
//! happens there in one of 1,500 kills of a process that does nothing but checkpoints.)
//!
//! So blocks with such room are copied into the file `<warehouse>.doublewrite`, to the disk, before
//! anything that may become a checkpoint: a commit of much is one, and so is closing a warehouse with
//! something in its log. `InnoDB` has the name, and does so with all of its pages.
//! Whoever opens the warehouse next finds the copies, and if no checkpoint was ended since they were
//! made, blocks whose checksums are wrong are written anew.

use std::{
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread::{self, JoinHandle},
};

use fs_err::{File, OpenOptions};
use wigeon_files::{Readers, write_whole_with};

use crate::{
    c_interface::Instance,
    error::DatabaseError,
    held::{self, canonical},
    sql::{self, CATALOG},
    warehouse::beside,
};

/// How the file begins, with the version of its format.
const MAGIC: &[u8; 16] = b"wigeon 2write 1\n";

/// A file of DuckDB begins with these bytes: its head, and two headers that are written in turn, of
/// which one changes with every checkpoint. Blocks follow.
const HEADERS: usize = 3 * 4_096;

/// The size of a block, which is DuckDB's default. Files with another have no copies.
const BLOCK: usize = 262_144;

/// Keeps copies for one that writes to a warehouse.
#[derive(Debug)]
pub(crate) struct Doublewrite {
    writer: Writer,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Copies that are being made.
    pending: Option<JoinHandle<io::Result<Copied>>>,
    copied: Copied,
}

/// What was copied.
#[derive(Debug, Default)]
struct Copied {
    /// The headers with which the copies belong together.
    headers: Vec<u8>,
    /// The numbers of the blocks.
    blocks: Vec<u64>,
}

/// Makes copies.
#[derive(Debug, Clone)]
struct Writer {
    path: PathBuf,
    /// The warehouse. The instance has it too, since closing it gives up the lock that DuckDB has.
    file: Arc<File>,
    instance: Weak<Instance>,
}

impl Doublewrite {
    /// Prepares for the warehouse at a path; none if the instance that has it open has kept no file.
    pub(crate) fn new(path: &Path, instance: &Arc<Instance>) -> Option<Self> {
        let path = canonical(path);
        let doublewrite = Self {
            writer: Writer {
                path: copies_of(&path),
                file: Arc::clone(instance.kept()?),
                instance: Arc::downgrade(instance),
            },
            state: Mutex::default(),
        };
        // With something in the log, it is a checkpoint if the warehouse is closed at once.
        if beside(&path, ".wal").exists() {
            doublewrite.finish();
        }
        Some(doublewrite)
    }

    /// Begins to copy the blocks that the next checkpoint may write over, if that was not done since
    /// the last. Until they are on disk there is other work to do.
    pub(crate) fn begin(&self) {
        let mut state = self.state();
        if self.are_missing(&mut state) {
            let writer = self.writer.clone();
            let make = thread::Builder::new().name("doublewrite".to_owned());
            state.pending = make.spawn(move || writer.write()).ok();
        }
    }

    /// Sees to it that what [`Self::begin`] begins is done.
    ///
    /// Must come before every statement that may become a checkpoint, a commit for instance. A failure
    /// is no reason not to go on.
    pub(crate) fn finish(&self) {
        let mut state = self.state();
        if self.are_missing(&mut state) {
            // The first try may have been interrupted.
            match self.writer.write().or_else(|_| self.writer.write()) {
                Ok(copied) => state.copied = copied,
                // It is told by what cannot be written next.
                Err(error) if error.kind() == ErrorKind::StorageFull => {}
                Err(error) => tracing::warn!(
                    %error,
                    "the next checkpoint is not protected against being killed"
                ),
            }
        }
    }

    /// Waits for copies that are being made, and returns whether there are none of the last checkpoint.
    fn are_missing(&self, state: &mut State) -> bool {
        if let Some(Ok(Ok(copied))) = state.pending.take().map(JoinHandle::join) {
            state.copied = copied;
        }
        let headers = read_at(&self.writer.file, 0, HEADERS);
        headers.is_ok_and(|headers| headers != state.copied.headers)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Doublewrite {
    fn drop(&mut self) {
        let mut state = self.state();
        let are_stale = self.are_missing(&mut state);
        let is_closed = self.writer.instance.strong_count() == 0;
        if is_closed && (are_stale || are_whole(&self.writer.file, &state.copied.blocks)) {
            drop(fs_err::remove_file(&self.writer.path));
        }
    }
}

impl Writer {
    fn write(&self) -> io::Result<Copied> {
        let instance = self.instance.upgrade().ok_or(ErrorKind::NotFound)?;
        let headers = read_at(&self.file, 0, HEADERS)?;
        let blocks = written_over(&instance).map_err(io::Error::other)?;
        write_whole_with(&self.path, Readers::Everybody, |copies| {
            copies.write_all(MAGIC)?;
            copies.write_all(&headers)?;
            blocks.iter().try_for_each(|block| {
                copies.write_all(&block.to_le_bytes())?;
                copies.write_all(&read_at(&self.file, offset(*block), BLOCK)?)
            })
        })?;
        Ok(Copied { headers, blocks })
    }
}

/// Returns whether blocks of a file can be read by DuckDB.
fn are_whole(file: &File, blocks: &[u64]) -> bool {
    let mut blocks = blocks.iter();
    blocks.all(|block| read_at(file, offset(*block), BLOCK).is_ok_and(|block| is_whole(&block)))
}

/// Returns the blocks of the warehouse with room between parts that are in use.
fn written_over(instance: &Arc<Instance>) -> Result<Vec<u64>, DatabaseError> {
    let connection = instance.connect()?;
    let catalog = sql::text(CATALOG);
    let blocks = format!(
        "SELECT block_id::UBIGINT FROM pragma_metadata_info({catalog}) WHERE free_blocks > 0 AND \
         (SELECT block_size FROM pragma_database_size() WHERE database_name = {catalog}) = {BLOCK}"
    );
    let mut statement = connection.prepare(&blocks)?;
    let ids = statement.query_map([], |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// Mends a warehouse that nobody has open, if there are copies, and takes them away.
///
/// Only blocks that DuckDB would refuse are written. What cannot be done is left to who opens the
/// warehouse, and tells the user what is wrong with it.
pub(crate) fn mend(warehouse: &Path) {
    let path = canonical(warehouse);
    let copies = copies_of(&path);
    // There are hardly ever any.
    if copies.exists() {
        drop(try_mend(&path, &copies));
    }
}

fn try_mend(path: &Path, copies_path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    if !held::lock(&file) {
        return Ok(());
    }
    let mut copies = File::open(copies_path)?;
    let mut start = vec![0; MAGIC.len() + HEADERS];
    copies.read_exact(&mut start)?;
    let (magic, headers) = start.split_at(MAGIC.len());
    if magic != MAGIC {
        return Ok(());
    }
    if headers == read_at(&file, 0, HEADERS)? {
        mend_from(copies, &file)?;
    }
    // Otherwise a checkpoint was ended since. Whoever has the lock next may make others.
    fs_err::remove_file(copies_path)
}

/// Writes copies in place of torn blocks.
fn mend_from(mut copies: File, file: &File) -> io::Result<()> {
    let (mut id, mut copy) = ([0; 8], vec![0; BLOCK]);
    let mut is_written = false;
    loop {
        match copies.read_exact(&mut id) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
            read => read?,
        }
        copies.read_exact(&mut copy)?;
        let offset = offset(u64::from_le_bytes(id));
        if !is_whole(&read_at(file, offset, BLOCK)?) && is_whole(&copy) {
            let mut file = file;
            file.seek(SeekFrom::Start(offset))?;
            file.write_all(&copy)?;
            is_written = true;
        }
    }
    if is_written {
        file.sync_all()?;
    }
    Ok(())
}

/// Returns whether a block has the checksum that it begins with.
///
/// It is that of DuckDB's `Checksum`, for a number of bytes that 8 divides.
fn is_whole(block: &[u8]) -> bool {
    let (words, _) = block.as_chunks::<8>();
    let Some((stored, words)) = words.split_first() else {
        return false;
    };
    let checksum = words.iter().fold(5_381, |checksum, word| {
        checksum ^ u64::from_le_bytes(*word).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    });
    checksum == u64::from_le_bytes(*stored)
}

fn copies_of(path: &Path) -> PathBuf {
    beside(path, ".doublewrite")
}

fn offset(id: u64) -> u64 {
    HEADERS as u64 + id * BLOCK as u64
}

fn read_at(mut file: &File, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Headers and a block of other bytes each, the block with its checksum.
    fn whole(byte: u8) -> (Vec<u8>, Vec<u8>) {
        // Of equal words any two would leave the checksum as it is.
        let words =
            (0..BLOCK as u64 / 8).map(|word| ((word << 8) | u64::from(byte)).wrapping_pow(3));
        let mut block: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
        let words = block[8..].as_chunks::<8>().0.iter();
        let checksum = words.fold(5_381, |checksum, word| {
            checksum ^ u64::from_le_bytes(*word).wrapping_mul(0xbf58_476d_1ce4_e5b9)
        });
        block[..8].copy_from_slice(&checksum.to_le_bytes());
        (vec![byte; HEADERS], block)
    }

    fn torn(byte: u8) -> Vec<u8> {
        let mut block = whole(byte).1;
        block[BLOCK / 2..].copy_from_slice(&whole(byte + 1).1[BLOCK / 2..]);
        block
    }

    /// Mends a file of such headers and blocks with copies of block 1, and returns its blocks and
    /// whether the copies are still there.
    fn mended(headers: &[u8], blocks: [Vec<u8>; 2], copies: &[&[u8]]) -> ([Vec<u8>; 2], bool) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.duckdb");
        let [one, other] = blocks;
        fs_err::write(&path, [headers, &one, &other].concat()).unwrap();
        let id = 1_u64.to_le_bytes();
        let (start, copy) = copies.split_at(2);
        let copies = [start.concat(), id.to_vec(), copy.concat()].concat();
        fs_err::write(copies_of(&path), copies).unwrap();
        mend(&path);
        let file = fs_err::read(&path).unwrap();
        assert_eq!(&file[..HEADERS], headers);
        let (one, other) = file[HEADERS..].split_at(BLOCK);
        let blocks = [one.to_vec(), other.to_vec()];
        (blocks, copies_of(&path).exists())
    }

    #[test]
    fn a_torn_block_of_the_last_checkpoint_is_mended() {
        let (headers, copy) = whole(1);
        let copies = [MAGIC.as_slice(), &headers, &copy];
        // The other one was not copied.
        let blocks = [torn(3), torn(2)];
        let expected = [blocks[0].clone(), copy.clone()];
        assert_eq!(mended(&headers, blocks, &copies), (expected, false));
    }

    #[test]
    fn copies_of_a_torn_block_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.duckdb");
        let (headers, block) = whole(1);
        fs_err::write(&path, [headers, block, torn(2)].concat()).unwrap();
        let file = File::open(&path).unwrap();
        assert!(are_whole(&file, &[]) && are_whole(&file, &[0]));
        assert!(!are_whole(&file, &[0, 1]));
        // It is not there.
        assert!(!are_whole(&file, &[2]));
    }

    #[test]
    fn nothing_else_is_written() {
        let ((headers, copy), (other_headers, other)) = (whole(1), whole(2));
        let torn_copy = torn(1);
        let newer = b"wigeon 2write 2\n".as_slice();
        let magic = MAGIC.as_slice();
        for (block, copies, are_kept) in [
            // The block is another one, and whole.
            (other, [magic, &headers, &copy], false),
            // A checkpoint was ended since the copies were made.
            (torn(2), [magic, &other_headers, &copy], false),
            // The copy is no better.
            (torn(2), [magic, &headers, &torn_copy], false),
            // Nobody knows what they are.
            (torn(2), [newer, &headers, &copy], true),
            // They are cut off.
            (torn(2), [magic, &headers, &copy[..BLOCK / 2]], true),
        ] {
            let blocks = [whole(3).1, block];
            assert_eq!(
                mended(&headers, blocks.clone(), &copies),
                (blocks, are_kept)
            );
        }
    }
}
