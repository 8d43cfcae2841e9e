//! The committed extracts of the flagship are those that its README says how to make.

use std::path::Path;

use wigeon_generator::{History, Settings};

#[test]
fn committed_extracts_are_those_of_the_command_in_the_readme() {
    let pipeline = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines/pageviews_postcode");
    let readme = fs_err::read_to_string(pipeline.join("README.md")).unwrap();
    assert!(readme.contains("--users 30 --views-per-day 60 --days 5 --movers 0.05"));

    let history = History::new(Settings {
        users: 30,
        views_per_day: 60,
        days: 5,
        movers: 0.05,
        ..Settings::default()
    });
    let committed = pipeline.join("extracts");
    for extract in history.extracts() {
        let mut expected = Vec::new();
        history.write(extract, &mut expected).unwrap();
        let file = committed.join(history.file_name(extract));
        assert_eq!(fs_err::read(&file).unwrap(), expected, "{}", file.display());
    }
    let files = fs_err::read_dir(committed).unwrap().count();
    assert_eq!(files, history.extracts().len());
}
