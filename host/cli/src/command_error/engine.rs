//! Hints for what the engine reports.

use std::io::ErrorKind;

use wigeon_engine::EngineError;
use wigeon_registry::{LockFileError, OciError, ResolveError};

use super::{Advice, BEGIN_ANEW_HINT, INTERRUPTED_HINT, Kind, bug_hint, data, plugin, storage};
use crate::words::{list, nearest};

/// Returns what kind of failure it is, and what to do about it.
pub(super) fn advice(error: &EngineError) -> Advice {
    match error {
        EngineError::ReadManifest { source, .. } => Advice::new(Kind::Manifest).hint(match source
            .kind()
        {
            ErrorKind::NotFound => {
                "run `wigeon` in the directory of the manifest, or name it with `--manifest PATH`"
            }
            ErrorKind::InvalidData => "save the manifest as UTF-8 text",
            ErrorKind::IsADirectory => "name the manifest itself with `--manifest PATH`",
            _ => "check that you may read the file",
        }),
        // Each mistake has its help beside it.
        EngineError::Manifest(_) => Advice::new(Kind::Manifest),
        EngineError::UnknownStep { name, known } => {
            let hint = match nearest(name, known.iter().map(String::as_str)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("the steps are {}", list(known)),
            };
            Advice::new(Kind::Usage).hint(hint)
        }
        EngineError::NotRunnable { name } => Advice::new(Kind::Usage).hint(format!(
            "run a step that reads `{name}`, or set `store = true` for it in the manifest"
        )),
        EngineError::NoGuard { .. } => Advice::new(Kind::Usage)
            .hint("leave `--accept` out: only snapshot steps have a guard"),
        EngineError::Busy(source) => storage::run_lock(source),
        EngineError::Open(source) => storage::open(source),
        EngineError::Resolve { source, .. } => resolve(source),
        EngineError::LockFile(source) => Advice::new(Kind::Plugin).hint(lock_file(source)),
        EngineError::LoadPlugin { source, .. } => plugin::load(source),
        EngineError::OpenStep { source, .. } => plugin::open(source),
        EngineError::Plugin { source, .. } | EngineError::OutOfMemory { source, .. } => {
            plugin::failed(source)
        }
        EngineError::Read { source, .. } => storage::read(source),
        EngineError::ReadWarehouse(source) | EngineError::ReadStored { source, .. } => {
            storage::read_warehouse(source)
        }
        EngineError::Load { source, .. } => storage::load(source),
        EngineError::BrokeLaw { source, .. } => plugin::broke_contract(&source.plugin),
        EngineError::Checkpoint(source) => storage::checkpoint(source),
        EngineError::ReadBack(source) => storage::read_back(source),
        EngineError::Data { step, source } => data::advice(step, source),
        EngineError::Temporary(_) => Advice::new(Kind::Data).hint(
            "check that the temporary directory exists and has room; `TMPDIR` names another one",
        ),
        EngineError::NotInRegistry { .. } => Advice::new(Kind::Usage)
            .hint("name it as in a manifest: `oci:registry.example.com/team/mask:1.2.0`"),
        EngineError::Push { source, .. } => registry(source),
        EngineError::WritePlugin { .. } => Advice::new(Kind::Plugin)
            .hint("check that the directory exists and that you may write to it"),
        EngineError::Reference { .. } => Advice::new(Kind::Usage)
            .hint("name it as in a manifest: `builtin:scd2`, `file:plugins/mine.wasm`, `oci:registry.example.com/team/mask:1.2.0`"),
        EngineError::Cancelled { .. } => Advice::new(Kind::Interrupted).hint(INTERRUPTED_HINT),
        EngineError::Arrow { .. } | EngineError::Internal { .. } => {
            Advice::new(Kind::Internal).hint(bug_hint())
        }
    }
}

fn resolve(error: &ResolveError) -> Advice {
    let hint = match error {
        ResolveError::UnknownBuiltin {
            closest: Some(closest),
            ..
        } => format!("did you mean `builtin:{closest}`?"),
        ResolveError::UnknownBuiltin { known, .. } => {
            format!("the built-in plugins are {}", list(known))
        }
        ResolveError::Read { source, .. } if source.kind() == ErrorKind::NotFound => {
            "build the plugin first, or correct its path; in a manifest, a path after `file:` starts at the manifest".to_owned()
        }
        ResolveError::Read { .. } => "check that you may read the file".to_owned(),
        ResolveError::TooLarge { .. } => {
            "build the plugin with optimisations, and strip it".to_owned()
        }
        ResolveError::Pull { source, .. } => return registry(source),
        ResolveError::Keep { .. } => {
            "check that you may write there; `WIGEON_CACHE_DIR` names another directory".to_owned()
        }
    };
    Advice::new(Kind::Plugin).hint(hint)
}

fn registry(error: &OciError) -> Advice {
    let hint = match error {
        OciError::Registry { .. } => {
            "check the registry's name and that it can be reached; plugins that `wigeon vendor` has put beside the manifest need no network"
        }
        OciError::Silent { .. } | OciError::Late { .. } | OciError::BrokenOff { .. } => {
            "run it again when the registry is well; plugins that `wigeon vendor` has put beside the manifest need no network"
        }
        OciError::Interrupted { .. } => {
            return Advice::new(Kind::Interrupted).hint(BEGIN_ANEW_HINT);
        }
        OciError::Unauthorized { .. } => {
            "log in with `docker login`, or with another tool that writes Docker's configuration"
        }
        OciError::Missing { .. } => {
            "check the name and version; what is pinned in `wigeon.lock` and was deleted from the registry can be pinned anew with `wigeon lock --update`"
        }
        OciError::NotAComponent { .. } => {
            "a plugin is pushed with `wigeon plugin push`, or with any tool that follows the CNCF's layout for Wasm artifacts"
        }
        OciError::TooLarge { .. } => "build the plugin with optimisations, and strip it",
        OciError::Unreadable { .. } => "build the component with `wigeon plugin build`",
        OciError::Setup(_) => "check the limits on this process: it could not open what it needs",
    };
    Advice::new(Kind::Plugin).hint(hint)
}

fn lock_file(error: &LockFileError) -> &'static str {
    match error {
        LockFileError::Mismatch { .. } => {
            "if the plugin was changed on purpose, pin the new one with `wigeon lock --update`; if not, find out who changed it"
        }
        LockFileError::Read { .. } => "check that you may read the file",
        LockFileError::Parse { .. } => {
            "restore the file from version control, or delete it and pin the plugins anew with `wigeon lock`"
        }
        LockFileError::Version { .. } => "use the wigeon that wrote it, or a newer one",
        LockFileError::Write { .. } => {
            "check that you may write to the directory of the manifest, where the lock file is"
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{command_error::CommandError, exit};

    /// Returns what is told of a pull that failed, and the exit code.
    fn pulled(source: OciError) -> (String, u8) {
        let reference = "oci:registry.example.com/team/mask:1.2.0".to_owned();
        let error = CommandError::of_plugin(EngineError::Resolve {
            step: reference.clone(),
            source: ResolveError::Pull { reference, source },
        });
        let text = error.to_text(false, false, false);
        let text = anstream::adapter::strip_str(&text).to_string();
        (text, error.exit_code())
    }

    fn registry() -> String {
        "registry.example.com".to_owned()
    }

    #[test]
    fn a_registry_that_is_given_up_is_told_with_the_time_that_it_had() {
        let told = pulled(OciError::Silent {
            registry: registry(),
            limit: Duration::from_secs(30),
        });
        let text = "error: could not pull `oci:registry.example.com/team/mask:1.2.0`\n  \
                    caused by: the registry `registry.example.com` was silent for 30 s\n\n\
                    hint: run it again when the registry is well; plugins that `wigeon vendor` has put \
                    beside the manifest need no network\n";
        assert_eq!(told, (text.to_owned(), exit::PLUGIN));
        let (late, code) = pulled(OciError::Late {
            registry: registry(),
            limit: Duration::from_mins(10),
        });
        let text = text.replace("silent for 30 s", "not done after 600 s");
        assert_eq!((late, code), (text, exit::PLUGIN));
    }

    #[test]
    fn a_component_of_a_registry_that_is_too_large_is_told_with_the_limit() {
        let told = pulled(OciError::TooLarge {
            name: "team/mask:1.2.0".to_owned(),
            most: 256 << 20,
        });
        let text = "error: could not pull `oci:registry.example.com/team/mask:1.2.0`\n  \
                    caused by: `team/mask:1.2.0` has more than 268435456 bytes, the most that are \
                    read\n\n\
                    hint: build the plugin with optimisations, and strip it\n";
        assert_eq!(told, (text.to_owned(), exit::PLUGIN));
    }

    #[test]
    fn a_pull_that_is_interrupted_has_the_exit_code_of_an_interruption() {
        let told = pulled(OciError::Interrupted {
            registry: registry(),
        });
        let text = "error: could not pull `oci:registry.example.com/team/mask:1.2.0`\n  \
                    caused by: talking to the registry `registry.example.com` was interrupted\n\n\
                    hint: run it again: it begins anew\n";
        assert_eq!(told, (text.to_owned(), exit::INTERRUPTED));
    }
}
