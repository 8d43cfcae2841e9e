//! Who holds a database file.
//!
//! DuckDB locks its file with `fcntl`, and a second process is refused with a sentence
//! that names the first. Instead of reading that sentence we ask the operating system.
//! Within one process such locks do not exclude each other, and closing any handle of
//! the file gives them all up; so a process keeps a list of the files that it has open.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use wigeon_files::directory_of;

/// The files that this process has open, and how many times each; zero times: for writing.
static OPEN: Mutex<BTreeMap<PathBuf, u32>> = Mutex::new(BTreeMap::new());

const WRITING: u32 = 0;

/// The right to open a file in this process, until it is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    path: PathBuf,
    first: bool,
}

impl Reservation {
    /// Reserves a file for one writer or for some readers, or returns none if it is taken.
    pub(crate) fn take(path: &Path, writing: bool) -> Option<Self> {
        let path = canonical(path);
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let first = match open.get_mut(&path) {
            None => {
                open.insert(path.clone(), if writing { WRITING } else { 1 });
                true
            }
            Some(readers) if !writing && *readers != WRITING => {
                *readers += 1;
                false
            }
            Some(_) => return None,
        };
        Some(Self { path, first })
    }

    /// Returns whether nobody else in this process had the file open.
    ///
    /// Otherwise it must not be looked at, which would give up the lock.
    pub(crate) fn is_first(&self) -> bool {
        self.first
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&self.path) {
            Some(readers) if *readers > 1 => *readers -= 1,
            _ => {
                open.remove(&self.path);
            }
        }
    }
}

/// Returns the one path of a file, which need not exist yet.
pub(crate) fn canonical(path: &Path) -> PathBuf {
    if let Ok(path) = fs_err::canonicalize(path) {
        return path;
    }
    match (fs_err::canonicalize(directory_of(path)), path.file_name()) {
        (Ok(directory), Some(name)) => directory.join(name),
        _ => path.to_owned(),
    }
}

/// Takes the lock that DuckDB takes to write to a file, until the file is closed, or says that somebody
/// has it open.
///
/// This process must not have the file open otherwise.
#[cfg(unix)]
pub(crate) fn lock(file: &fs_err::File) -> bool {
    use nix::{
        fcntl::{FcntlArg, fcntl},
        libc,
    };

    let (Ok(kind), Ok(whence)) = (
        libc::c_short::try_from(libc::F_WRLCK),
        libc::c_short::try_from(libc::SEEK_SET),
    ) else {
        return false;
    };
    let lock = libc::flock {
        l_type: kind,
        l_whence: whence,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(file.file(), FcntlArg::F_SETLK(&lock)).is_ok()
}

/// Says that somebody has a file open, since nobody knows.
#[cfg(not(unix))]
pub(crate) fn lock(_file: &fs_err::File) -> bool {
    false
}

/// A process that has locked a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) pid: Option<u32>,
    pub(crate) program: Option<String>,
}

impl Holder {
    /// Describes this process.
    pub(crate) fn this_process() -> Self {
        let pid = std::process::id();
        Self {
            pid: Some(pid),
            program: program(pid),
        }
    }

    /// Returns the process whose lock keeps `path` from being opened, if there is one.
    ///
    /// This process must not have the file open: looking would give up its lock.
    #[cfg(unix)]
    pub(crate) fn find(path: &Path, writing: bool) -> Option<Self> {
        use nix::{
            fcntl::{FcntlArg, fcntl},
            libc,
        };

        let file = fs_err::File::open(path).ok()?;
        let kind = if writing {
            libc::F_WRLCK
        } else {
            libc::F_RDLCK
        };
        let mut lock = libc::flock {
            l_type: libc::c_short::try_from(kind).ok()?,
            l_whence: libc::c_short::try_from(libc::SEEK_SET).ok()?,
            l_start: 0,
            l_len: 0,
            l_pid: 0,
        };
        fcntl(file.file(), FcntlArg::F_GETLK(&mut lock)).ok()?;
        if i32::from(lock.l_type) == libc::F_UNLCK {
            return None;
        }
        // Zero or less is a holder that this process cannot see, in another container say.
        let pid = u32::try_from(lock.l_pid).ok().filter(|pid| *pid > 0);
        Some(Self {
            pid,
            program: pid.and_then(program),
        })
    }

    /// Returns the process whose lock keeps `path` from being opened, if there is one.
    #[cfg(not(unix))]
    pub(crate) fn find(_path: &Path, _writing: bool) -> Option<Self> {
        None
    }
}

/// Returns the name of a process's program, where the operating system shows it.
fn program(pid: u32) -> Option<String> {
    let name = fs_err::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}

/// Returns whether a file starts like a DuckDB database; an empty one may become one.
pub(crate) fn is_database(path: &Path) -> std::io::Result<bool> {
    use std::io::Read;

    let mut start = Vec::new();
    fs_err::File::open(path)?.take(12).read_to_end(&mut start)?;
    Ok(start.is_empty() || start.get(8..12) == Some(b"DUCK"))
}
