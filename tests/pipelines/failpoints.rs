//! A run that is killed at any of its named points: the next one ends in the tables of a run that
//! nobody disturbed, for every kind of step, and with several lanes.

use std::{collections::BTreeSet, os::unix::process::ExitStatusExt as _};

use fs_err as fs;
use wigeon_engine::Point;
use wigeon_generator::{Extract, Settings};
use wigeon_tests::Project;

use crate::{
    arrivals::{Arrivals, settings},
    kills::{RUN, WAREHOUSE, check_no_litter, check_whole_loads},
    tables::{assert_same, of_pipeline},
};

/// The points of a run as a whole.
const RUN_POINTS: &str = "locked opened resolved pinned checkpointing checkpointed";

/// What a run comes to that takes in a day more: each step, and its points.
pub(crate) const NEXT_DAY: [(&str, &str); 5] = [
    ("", RUN_POINTS),
    (
        "clean_views",
        "started digested begun emitting written committing committed",
    ),
    (
        "current_postcode",
        "started digested begun emitting staged written committing committed",
    ),
    (
        "pageviews_postcode",
        "started digested begun emitting written committing committed",
    ),
    (
        "updated_postcode_stg",
        "started begun emitting staged written committing committed",
    ),
];

/// The first run of all. Its snapshot goes straight into the table, and nothing has changed yet.
pub(crate) const FIRST_DAY: [(&str, &str); 4] = [
    ("", RUN_POINTS),
    (
        "clean_views",
        "started digested begun emitting written committing committed",
    ),
    (
        "current_postcode",
        "started digested begun emitting written committing committed",
    ),
    (
        "pageviews_postcode",
        "started digested begun emitting written committing committed",
    ),
];

/// Changes that are kept in an overlay.
const OVERLAY: [(&str, &str); 1] = [(
    "updated_postcode_stg",
    "started begun emitting staged written committing committed",
)];

/// Changes that come to a table whose overlay is to be folded in.
pub(crate) const FOLD: [(&str, &str); 1] = [(
    "updated_postcode_stg",
    "started begun emitting staged written committing committed folding folded",
)];

/// A small flagship with a step of each kind.
pub(crate) fn with_all_kinds() -> Arrivals {
    all_kinds_over(settings(29, 60, 2_400, 4))
}

/// The flagship over such extracts, with a stored transform, which has no lanes, and three lanes in
/// each other step.
pub(crate) fn all_kinds_over(settings: Settings) -> Arrivals {
    let arrivals = Arrivals::new(settings);
    arrivals.lanes(3);
    let project = &arrivals.project;
    let manifest = fs::read_to_string(project.path("pipeline.toml")).expect("the manifest");
    let transform = "\n[[step]]\nname = \"clean_views\"\nkind = \"transform\"\n\
                     plugin = \"builtin:normalize\"\ninput = \"pageview_extract\"\nstore = true\n\
                     options = { columns = [\"url\"], case = \"upper\" }\n";
    project.write("pipeline.toml", manifest + transform);
    arrivals
}

/// Lets the users of a day arrive, and the views of three hours.
pub(crate) fn arrive(arrivals: &mut Arrivals, day: u32) {
    arrivals.arrive(Extract::users(day));
    for hour in [9, 12, 18] {
        arrivals.arrive(Extract::views(day, hour));
    }
}

/// The modes in which change detection folds an overlay in, by their numbers: of a short table, and of
/// any.
pub(crate) const FOLDING_MODES: [u8; 2] = [0, 2];

/// Two days, with an overlay, and a third that comes when it is to be folded in.
pub(crate) fn about_to_fold(mode: u8) -> Arrivals {
    let mut arrivals = with_all_kinds();
    arrivals.update_mode(1);
    arrive(&mut arrivals, 0);
    arrivals.project.ok(&RUN);
    arrive(&mut arrivals, 1);
    arrivals.project.ok(&RUN);
    arrivals.update_mode(mode);
    arrive(&mut arrivals, 2);
    arrivals
}

/// Kills a run at a point, and says whether it came to it.
pub(crate) fn kill_at(project: &Project, failpoint: &str, arguments: &[&str]) -> bool {
    let mut command = project.command(arguments);
    let run = command.env("WIGEON_FAILPOINT", failpoint).output();
    let run = run.expect("the binary runs");
    if run.status.signal() == Some(9) {
        return true;
    }
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{failpoint}: {}: {said}", run.status);
    false
}

/// Kills the next run of copies of a project at every point of these steps, and lets each go on.
/// The points that it comes to are exactly these.
fn kill_everywhere(project: &Project, steps: &[(&str, &str)]) {
    let undisturbed = project.copy();
    undisturbed.ok(&RUN);
    let expected = of_pipeline(&undisturbed.path(WAREHOUSE));
    for (step, points) in steps {
        let mut reached = BTreeSet::new();
        for point in Point::ALL {
            let name = point.as_str();
            let failpoint = format!("{name}:{step}");
            let copy = project.copy();
            if !kill_at(&copy, &failpoint, &RUN) {
                continue;
            }
            reached.insert(name);
            let when = format!("killed at {failpoint}");
            check_whole_loads(&copy, &when);
            copy.ok(&RUN);
            check_whole_loads(&copy, &when);
            assert_same(&of_pipeline(&copy.path(WAREHOUSE)), &expected, &when);
            check_no_litter(&copy);
        }
        let points: BTreeSet<_> = points.split(' ').collect();
        assert_eq!(reached, points, "the points of {step:?}");
    }
}

#[test]
fn a_run_that_takes_in_a_day_may_be_killed_at_every_point() {
    let mut arrivals = with_all_kinds();
    arrive(&mut arrivals, 0);
    arrivals.project.ok(&RUN);
    arrive(&mut arrivals, 1);
    kill_everywhere(&arrivals.project, &NEXT_DAY);
}

#[test]
fn a_first_run_may_be_killed_at_every_point() {
    let mut arrivals = with_all_kinds();
    arrive(&mut arrivals, 0);
    kill_everywhere(&arrivals.project, &FIRST_DAY);
}

#[test]
fn a_run_that_merges_changes_may_be_killed_at_every_point() {
    let mut arrivals = with_all_kinds();
    arrivals.update_mode(1);
    arrive(&mut arrivals, 0);
    arrivals.project.ok(&RUN);
    arrive(&mut arrivals, 1);
    kill_everywhere(&arrivals.project, &OVERLAY);
}

#[test]
fn a_run_that_folds_an_overlay_in_may_be_killed_at_every_point() {
    for mode in FOLDING_MODES {
        kill_everywhere(&about_to_fold(mode).project, &FOLD);
    }
}

/// Whoever names a new point finds out here that nobody has been killed at it.
#[test]
fn no_point_is_forgotten() {
    let tables = [&NEXT_DAY[..], &FIRST_DAY, &OVERLAY, &FOLD].concat();
    let tested: BTreeSet<_> = tables
        .iter()
        .flat_map(|(_, points)| points.split(' '))
        .collect();
    let all: BTreeSet<_> = Point::ALL.iter().map(|point| point.as_str()).collect();
    assert_eq!(tested, all);
}

#[test]
fn a_name_that_is_no_point_is_refused() {
    let arrivals = with_all_kinds();
    let mut command = arrivals.project.command(&RUN);
    let run = command.env("WIGEON_FAILPOINT", "commit").output();
    let run = run.expect("the binary runs");
    assert_eq!(run.status.code(), Some(2));
    let said = String::from_utf8_lossy(&run.stderr);
    let expected =
        "`WIGEON_FAILPOINT`, which is for tests, is `commit`, but the points of a run are `locked`";
    assert!(said.contains(expected), "{said}");
}
