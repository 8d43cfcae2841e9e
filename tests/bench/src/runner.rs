//! A run of the bench.

use fs_err as fs;

use crate::{
    databases::Databases,
    error::BenchError,
    extracts::Extracts,
    figure::Figure,
    machine::Machine,
    project,
    report::Report,
    settings::{Kind, Settings},
    sides::Sides,
};

/// Tells a directory of the bench, and what it is for.
const NOTE: &str = "bench.txt";

/// What all works share.
pub(crate) struct Runner<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) sides: Sides,
    pub(crate) databases: Databases,
    pub(crate) extracts: Extracts,
    say: &'a dyn Fn(&str),
}

/// Measures what the settings ask for, and tells `say` how it goes, line by line.
///
/// All files are in the directory of the settings, and gone when this returns, except for prepared databases that
/// are to be kept.
///
/// # Errors
///
/// - [`BenchError::Differ`] if the two sides do not end in the same tables.
/// - [`BenchError::NotEmpty`] if the directory holds anything that is not of the bench.
/// - [`BenchError::OtherSettings`] if it holds kept databases of other settings.
/// - [`BenchError::Start`], [`BenchError::Failed`], [`BenchError::Inspect`] about the programs.
/// - [`BenchError::Manifest`] if the flagship's manifest is not as expected.
/// - [`BenchError::Files`] for what the file system fails with.
pub fn run(settings: &Settings, say: &dyn Fn(&str)) -> Result<Report, BenchError> {
    fs::create_dir_all(&settings.directory).map_err(BenchError::Files)?;
    let sides = Sides::new(settings);
    let project = sides.project();
    // One day more than there is history, for the users extract after it.
    let days = settings.days.iter().max().copied().unwrap_or(0).max(1) + 1;
    let runner = Runner {
        extracts: Extracts::new(settings.scale, days, project.join(project::EXTRACTS)),
        databases: Databases::new(&settings.directory),
        sides,
        settings,
        say,
    };
    runner.claim_directory()?;
    project::write(&project, settings.memory_limit_mib)?;
    runner.only(&[])?;
    runner.sides.warm_up()?;
    let machine = Machine::find(&runner.sides)?;
    let mut figures = vec![];
    for kind in Kind::ALL {
        if settings.kinds.contains(&kind) {
            figures.extend(runner.work(kind)?);
        }
    }
    if !settings.keep {
        fs::remove_dir_all(&settings.directory).map_err(BenchError::Files)?;
    }
    Ok(Report::new(settings, machine, figures))
}

impl Runner<'_> {
    pub(crate) fn say(&self, line: &str) {
        (self.say)(line);
    }

    fn work(&self, kind: Kind) -> Result<Vec<Figure>, BenchError> {
        match kind {
            Kind::Initial => self.initial(),
            Kind::Daily => self.daily(),
            Kind::Hourly => self.hourly(),
            Kind::Due => self.due(),
            Kind::Propagation => self.propagation(),
            Kind::Questions => self.questions(),
            Kind::Views => self.views(),
        }
    }

    /// Makes the directory the bench's own, by a note in it.
    ///
    /// Without `keep` what an earlier run has left there is removed. A directory with anything else in it is refused,
    /// and so are databases that were prepared with other settings.
    fn claim_directory(&self) -> Result<(), BenchError> {
        let directory = &self.settings.directory;
        let note = directory.join(NOTE);
        let settings = format!(
            "scale {}, prepared {:?}\n",
            self.settings.scale.name(),
            self.settings.prepare
        );
        let files = BenchError::Files;
        if note.exists() {
            if !self.settings.keep {
                fs::remove_dir_all(directory).map_err(files)?;
                fs::create_dir(directory).map_err(files)?;
            } else if fs::read_to_string(&note).map_err(files)? != settings {
                return Err(BenchError::OtherSettings {
                    path: directory.clone(),
                });
            }
        } else if fs::read_dir(directory).map_err(files)?.next().is_some() {
            return Err(BenchError::NotEmpty {
                path: directory.clone(),
            });
        }
        fs::write(note, settings).map_err(files)
    }
}
