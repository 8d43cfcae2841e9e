//! `wigeon schedule`.

use insta::assert_snapshot;

use crate::{MANIFEST, Place};

#[test]
fn a_crontab_has_one_line_for_the_pipeline() {
    let place = Place::with_manifest(MANIFEST);
    assert_snapshot!(place.run(&["schedule"]));
}

#[test]
fn systemd_gets_a_service_and_a_timer() {
    let place = Place::with_manifest(MANIFEST);
    assert_snapshot!(place.run(&["schedule", "--systemd"]));
}

#[test]
fn a_path_is_quoted_as_cron_and_the_shell_need_it() {
    let place = Place::empty();
    place.write("100% Bob's.toml", MANIFEST);
    let (code, text) = place.stdout(&["schedule", "--manifest", "100% Bob's.toml"]);
    assert_eq!(code, 0);
    let line = text.lines().last().unwrap();
    assert!(line.contains(r"100\% Bob'\''s.toml' run --due"), "{line}");
}

#[test]
fn a_pipeline_without_a_schedule_has_no_crontab() {
    let place = Place::with_manifest(&MANIFEST.replace("schedule = \"30 2 * * *\"\n", ""));
    assert_snapshot!(place.run(&["schedule"]));
}
