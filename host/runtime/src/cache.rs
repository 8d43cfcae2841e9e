//! Compiled components, kept between runs.
//!
//! Compiling takes a second or two, instantiating a fraction of a millisecond, so the machine code
//! is kept in a directory that only this user may enter, under the component's digest and a hash
//! of wasmtime's version and configuration. What is read back there is trusted code: wasmtime
//! cannot check it. The directory is not used if somebody else could have written to it, nor is a
//! file in it: `cache/private.rs` looks at what was opened, not at what has the name. A file
//! begins with a hash of what it is of and what is in it, so that one that was damaged, or renamed
//! to another component's, is not run either.

mod private;

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

use wasmtime::{Engine, component::Component};
use wigeon_files::{Readers, write_whole};

use self::private::NotPrivate;

/// A directory with compiled components.
#[derive(Debug)]
pub(crate) struct Cache {
    directory: PathBuf,
    /// wasmtime's version and configuration.
    compatibility: u64,
}

impl Cache {
    /// Opens the cache in `directory`, or none if it cannot be private.
    pub(crate) fn open(directory: &Path, engine: &Engine) -> Option<Self> {
        if let Err(reason) = private::make_directory(directory) {
            let directory = directory.display();
            tracing::warn!(%directory, %reason, "compiled plugins are not cached");
            return None;
        }
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Some(Self {
            directory: directory.to_owned(),
            compatibility: hasher.finish(),
        })
    }

    fn path(&self, digest: &str) -> PathBuf {
        let digest = digest.replace(':', "-");
        self.directory
            .join(format!("{digest}-{:016x}.cwasm", self.compatibility))
    }

    /// Returns what a file with this code begins with.
    fn seal(&self, digest: &str, code: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(&(digest.len() as u64).to_le_bytes())
            .update(digest.as_bytes())
            .update(&self.compatibility.to_le_bytes())
            .update(code);
        hasher.finalize()
    }

    /// Returns the compiled component, if it is there and of use.
    pub(crate) fn get(&self, digest: &str, engine: &Engine) -> Option<Component> {
        let path = self.path(digest);
        let mut file = match private::open_file(&path) {
            Ok(file) => file,
            Err(NotPrivate::Io(error)) if error.kind() == ErrorKind::NotFound => return None,
            Err(reason) => {
                let path = path.display();
                tracing::warn!(%path, %reason, "a cached plugin is compiled anew");
                return None;
            }
        };
        let mut kept = vec![];
        file.read_to_end(&mut kept)
            .inspect_err(|error| tracing::warn!(%error, "a cached plugin cannot be read"))
            .ok()?;
        let (seal, code) = kept.split_first_chunk::<{ blake3::OUT_LEN }>()?;
        if *self.seal(digest, code).as_bytes() != *seal {
            tracing::warn!(path = %path.display(), "a cached plugin is damaged, and compiled anew");
            return None;
        }
        #[expect(unsafe_code, reason = "wasmtime cannot check machine code")]
        // SAFETY: the file was written by `put` of this user, for this component: the directory
        // is closed to others, the file that was opened belongs to us, and the seal is on what
        // `put` wrote.
        let component = unsafe { Component::deserialize(engine, code) };
        component
            .inspect_err(|error| tracing::warn!(%error, "a cached plugin is compiled anew"))
            .ok()
    }

    /// Keeps a compiled component for this user alone. A failure only costs the next run some time.
    pub(crate) fn put(&self, digest: &str, component: &Component) {
        let written = component.serialize().map_err(|error| error.to_string());
        let written = written.and_then(|code| {
            let seal = self.seal(digest, &code);
            write_whole(
                &self.path(digest),
                Readers::Owner,
                &[seal.as_bytes(), &code],
            )
            .map_err(|error| error.to_string())
        });
        if let Err(error) = written {
            tracing::warn!(error, "a compiled plugin could not be cached");
        }
    }
}

#[cfg(all(test, unix))]
#[expect(
    clippy::unwrap_used,
    reason = "a test that cannot prepare its place has failed"
)]
mod tests {
    use std::{
        io::{self, Write as _},
        os::unix::fs::{PermissionsExt, chown, symlink},
        sync::Barrier,
        thread,
    };

    use fs_err as fs;

    use super::*;

    /// A component with nothing in it: the magic number, the version and the layer.
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";
    const ONE: &str = "sha256:1111";
    const OTHER: &str = "sha256:2222";

    struct Kept {
        engine: Engine,
        directory: tempfile::TempDir,
        cache: Cache,
    }

    impl Kept {
        /// A cache in which one component is.
        fn new() -> Self {
            let engine = Engine::default();
            let directory = tempfile::tempdir().unwrap();
            let cache = Cache::open(&directory.path().join("plugins"), &engine).unwrap();
            let kept = Self {
                engine,
                directory,
                cache,
            };
            kept.put();
            assert!(kept.has(ONE));
            kept
        }

        fn put(&self) {
            let component = Component::from_binary(&self.engine, EMPTY).unwrap();
            self.cache.put(ONE, &component);
        }

        fn has(&self, digest: &str) -> bool {
            self.cache.get(digest, &self.engine).is_some()
        }

        fn path(&self) -> PathBuf {
            self.cache.path(ONE)
        }
    }

    #[test]
    fn a_compiled_component_is_found_under_its_digest_only() {
        let kept = Kept::new();
        assert!(!kept.has(OTHER));
        let mode = fs::metadata(kept.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }

    #[test]
    fn a_file_that_was_renamed_to_another_component_is_not_run() {
        let kept = Kept::new();
        fs::rename(kept.path(), kept.cache.path(OTHER)).unwrap();
        assert!(!kept.has(OTHER));
    }

    #[test]
    fn a_file_of_another_wasmtime_is_not_run() {
        let kept = Kept::new();
        let other = Cache {
            directory: kept.cache.directory.clone(),
            compatibility: kept.cache.compatibility ^ 1,
        };
        fs::rename(kept.path(), other.path(ONE)).unwrap();
        assert!(other.get(ONE, &kept.engine).is_none());
    }

    #[test]
    fn a_damaged_file_is_not_run_and_is_written_anew() {
        let kept = Kept::new();
        let good = fs::read(kept.path()).unwrap();
        let flipped = |at: usize| {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            bytes
        };
        for bad in [
            vec![],
            b"garbage".to_vec(),
            vec![0; good.len()],
            good[..good.len() - 1].to_vec(),
            good[32..].to_vec(),
            [&good[..], b"\0"].concat(),
            flipped(0),
            flipped(40),
            flipped(good.len() / 2),
            flipped(good.len() - 1),
        ] {
            fs::write(kept.path(), &bad).unwrap();
            assert!(!kept.has(ONE), "{} bytes", bad.len());
        }
        kept.put();
        assert!(kept.has(ONE));
    }

    #[test]
    fn a_file_that_others_may_write_is_not_run() {
        for mode in [0o620, 0o602, 0o666] {
            let kept = Kept::new();
            let permissions = std::fs::Permissions::from_mode(mode);
            fs::set_permissions(kept.path(), permissions).unwrap();
            assert!(!kept.has(ONE), "{mode:o}");
        }
    }

    /// Gives a file to somebody else, which only root may, or says in the form that `.ci/run`
    /// counts that the test is skipped.
    fn is_given_away(path: &Path) -> bool {
        let given = chown(path, Some(65_534), None);
        if let Err(error) = &given {
            #[expect(
                clippy::explicit_write,
                reason = "`eprintln!` is captured in tests that pass"
            )]
            writeln!(io::stderr(), "skipped: no file can be given away: {error}").unwrap();
        }
        given.is_ok()
    }

    #[test]
    fn a_file_of_somebody_else_is_not_run() {
        let kept = Kept::new();
        if is_given_away(&kept.path()) {
            assert!(!kept.has(ONE));
        }
    }

    #[test]
    fn a_link_is_not_followed() {
        let kept = Kept::new();
        let elsewhere = kept.directory.path().join("elsewhere.cwasm");
        fs::rename(kept.path(), &elsewhere).unwrap();
        symlink(&elsewhere, kept.path()).unwrap();
        assert!(!kept.has(ONE));
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let kept = Kept::new();
        fs::remove_file(kept.path()).unwrap();
        nix::unistd::mkfifo(&kept.path(), nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert!(!kept.has(ONE));
    }

    #[test]
    fn a_directory_is_made_for_this_user_alone_by_whoever_is_first() {
        const TWENTY: usize = 20;
        let directory = tempfile::tempdir().unwrap();
        let nested = directory.path().join("wigeon/plugins");
        let engine = Engine::default();
        let together = Barrier::new(TWENTY);
        let open = || {
            together.wait();
            Cache::open(&nested, &engine).is_some()
        };
        let opened = thread::scope(|scope| {
            let threads: Vec<_> = (0..TWENTY).map(|_| scope.spawn(open)).collect();
            let opened = threads.into_iter().map(|thread| thread.join().unwrap());
            opened.filter(|opened| *opened).count()
        });
        assert_eq!(opened, TWENTY);
        for made in [nested.as_path(), nested.parent().unwrap()] {
            let mode = fs::metadata(made).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", made.display());
        }
    }

    #[test]
    fn a_link_to_a_directory_is_not_used() {
        let directory = tempfile::tempdir().unwrap();
        let (target, link) = (directory.path().join("a"), directory.path().join("b"));
        let engine = Engine::default();
        assert!(Cache::open(&target, &engine).is_some());
        symlink(&target, &link).unwrap();
        assert!(Cache::open(&link, &engine).is_none());
    }

    #[test]
    fn a_directory_that_others_may_write_to_is_not_used() {
        let engine = Engine::default();
        for mode in [0o770, 0o707, 0o777] {
            let directory = tempfile::tempdir().unwrap();
            let permissions = std::fs::Permissions::from_mode(mode);
            fs::set_permissions(directory.path(), permissions).unwrap();
            assert!(Cache::open(directory.path(), &engine).is_none(), "{mode:o}");
        }
    }

    #[test]
    fn a_directory_of_somebody_else_is_not_used() {
        let directory = tempfile::tempdir().unwrap();
        if is_given_away(directory.path()) {
            assert!(Cache::open(directory.path(), &Engine::default()).is_none());
        }
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_not_used() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let engine = Engine::default();
        assert!(Cache::open(&file.path().join("plugins"), &engine).is_none());
        assert!(Cache::open(file.path(), &engine).is_none());
    }
}
