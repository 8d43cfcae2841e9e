//! The whole bench at its smallest: not how long it takes, but that both sides end in the same tables.

use std::path::Path;

use wigeon_bench::{Kind, Prepare, Scale, Settings};

/// One run of each work, in a directory of its own.
fn settings(directory: &Path, prepare: Prepare) -> Settings {
    let bench = Path::new(env!("CARGO_BIN_EXE_bench"));
    Settings {
        scale: Scale::S,
        memory_limit_mib: Scale::S.memory_limit_mib(),
        days: Scale::S.days(),
        prepare,
        runs: 1,
        kinds: Kind::ALL.into(),
        check_every: true,
        programs: bench.parent().expect("a directory").to_owned(),
        directory: directory.to_owned(),
        keep: false,
    }
}

#[test]
fn both_sides_end_in_the_same_tables_and_every_work_is_measured() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let settings = settings(&directory.path().join("bench"), Prepare::Cron);
    let report = wigeon_bench::run(&settings, &|line| println!("{line}")).expect("the bench runs");
    let works: Vec<_> = report
        .figures
        .iter()
        .map(|figure| figure.work.as_str())
        .collect();
    assert_eq!(
        works,
        [
            "initial load: users and 24 hours",
            "daily snapshot: 1 % moved",
            "hourly load: one file into a day",
            "`run --due` with nothing due",
            "propagation: 1 % moved, 1 day",
            "propagation: 1 % moved, 3 days",
            "propagation: 1 % moved, 4 days",
            "propagation: sum of 3 days",
            "propagation and fold: 1 % moved, 1 day",
            "propagation and fold: 1 % moved, 3 days",
            "propagation and fold: 1 % moved, 4 days",
            "propagation and fold: sum of 3 days",
            "propagation without a fold: 1 % moved, 1 day",
            "propagation without a fold: 1 % moved, 3 days",
            "propagation without a fold: 1 % moved, 4 days",
            "propagation: 4 days over 3, wigeon",
            "propagation without a fold: 4 days over 3, wigeon",
            "question now_by_month, 4 days, before the next run",
            "question now_by_day, 4 days, before the next run",
            "question then_by_month, 4 days, before the next run",
            "question then_by_day, 4 days, before the next run",
            "question now_by_month, 4 days, after it",
            "question now_by_day, 4 days, after it",
            "question then_by_month, 4 days, after it",
            "question then_by_day, 4 days, after it",
            "now_by_month of a view that chooses by the key, 4 days",
            "now_by_day of a view that chooses by the key, 4 days",
            "now_by_month of a view that unites two parts by the key, 4 days",
            "now_by_day of a view that unites two parts by the key, 4 days",
        ]
    );
    assert!(!settings.directory.exists());
}
