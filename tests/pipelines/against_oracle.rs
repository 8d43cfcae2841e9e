//! The law: the flagship's tables are a function of the extracts that were accepted, and it is the
//! function that the oracle computes from the raw files. In whatever order files arrive, however
//! often and when steps run, and with however many lanes.

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use wigeon_generator::Extract;

use crate::arrivals::{Arrivals, settings};

/// Runs `test` on random cases. A failure shows the smallest failing case, its seed included;
/// `PROPTEST_CASES` asks for more of them.
fn check_cases<S: Strategy>(cases: u32, strategy: S, test: impl Fn(S::Value)) {
    let configured = Config::default();
    let cases = std::env::var_os("PROPTEST_CASES").map_or(cases, |_| configured.cases);
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 20,
        ..configured
    };
    let result = TestRunner::new(config).run(&strategy, |value| {
        test(value);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// An overlay that is never folded in, with changes of changes, and rows that are loaded before
/// and after them.
#[test]
fn a_week_of_merging_on_read_is_the_oracles_every_day() {
    check_cases(2, any::<u64>(), |seed| {
        let mut arrivals = Arrivals::new(settings(seed, 40, 120, 7));
        arrivals.update_mode(1);
        for day in 0..7 {
            if day > 0 {
                // Views of the night, loaded before the users extract of their day.
                (0..3).for_each(|hour| arrivals.arrive(Extract::views(day, hour)));
                arrivals.project.ok(&["run", "--at", "2019-12-01"]);
                arrivals.check(&format!("seed {seed}, night {day}"));
            }
            arrivals.arrive(Extract::users(day));
            arrivals
                .project
                .ok(&["run", "--at", "2019-12-01", "--step", "current_postcode"]);
            // Views that are loaded with what is new, before it has reached the others.
            (3..24).for_each(|hour| arrivals.arrive(Extract::views(day, hour)));
            arrivals.project.ok(&["run", "--at", "2019-12-01"]);
            arrivals.check(&format!("seed {seed}, day {day}"));
        }
        let entries = arrivals
            .project
            .sql("select count(*) > 30 as many from wigeon_overlay_pageviews_postcode");
        assert_eq!(entries, "many\ntrue\n", "seed {seed}");
    });
}

/// One crontab line that runs what is due, for a week: each hour brings its file, each night a
/// users extract. After every hour the table is the oracle's.
#[test]
fn a_week_in_crons_order_is_the_oracles_after_every_hour() {
    check_cases(1, any::<u64>(), |seed| {
        let mut arrivals = Arrivals::new(settings(seed, 40, 120, 7));
        for day in 0..7 {
            for hour in 0..24 {
                if hour == if day == 0 { 0 } else { 2 } {
                    arrivals.arrive(Extract::users(day));
                }
                arrivals.arrive(Extract::views(day, hour));
                let at = format!("2019-10-{:02}T{hour:02}:50", 11 + day);
                arrivals.project.ok(&["run", "--due", "--at", &at]);
                arrivals.check(&format!("seed {seed}, {at}"));
            }
        }
    });
}

/// The hourly files come in any order, several at once or one by one, some before the users
/// extract of their day and some days late; the steps run together or one at a time, over any
/// number of lanes; changes are written into the rows, or kept beside them, and folded in at any
/// time. Whenever all steps have run, the table is the oracle's.
#[test]
fn hourly_files_in_any_order_give_the_same_tables() {
    let days = 4_u32;
    let order = Just((0..days * 25).collect::<Vec<u32>>()).prop_shuffle();
    let strategy = (
        any::<u64>(),
        order,
        prop::collection::vec((0..8_u8, 0..9_u8), 25 * 4),
        1..4_u8,
    );
    check_cases(6, strategy, |(seed, order, actions, lanes)| {
        let mut arrivals = Arrivals::new(settings(seed, 40, 100, days));
        let threads = format!("path = \"pageviews_postcode.duckdb\"\nthreads = {lanes}");
        arrivals
            .project
            .edit_manifest("path = \"pageviews_postcode.duckdb\"", &threads);
        for plugin in ["scd2", "point-in-time", "net-change"] {
            let plugin = format!("plugin = \"builtin:{plugin}\"");
            let limited = format!("{plugin}\nlimits = {{ lanes = {lanes} }}");
            arrivals.project.edit_manifest(&plugin, &limited);
        }
        arrivals.arrive(Extract::users(0));
        let mut next_users = 1;
        let mut hours =
            (0..days).flat_map(|day| (0..24).map(move |hour| Extract::views(day, hour)));
        let hours: Vec<Extract> = hours.by_ref().collect();
        let at = "2019-12-01";
        for (place, (action, mode)) in order.iter().zip(&actions) {
            if *mode < 3 {
                arrivals.update_mode(*mode);
            }
            // The users extracts come in the order of their days, but at any time.
            match usize::try_from(*place)
                .ok()
                .and_then(|place| hours.get(place))
            {
                Some(extract) => arrivals.arrive(*extract),
                None if next_users < days => {
                    arrivals.arrive(Extract::users(next_users));
                    next_users += 1;
                }
                None => {}
            }
            // A run without any file of a source is an error.
            if arrivals.views.is_empty() {
                continue;
            }
            let step = match action {
                0 => "current_postcode",
                1 => "pageviews_postcode",
                2 => "updated_postcode_stg",
                3 => {
                    arrivals.project.ok(&["run", "--at", at]);
                    arrivals.check(&format!("seed {seed}, after {place}"));
                    continue;
                }
                _ => continue,
            };
            arrivals.project.ok(&["run", "--at", at, "--step", step]);
        }
        arrivals.project.ok(&["run", "--at", at]);
        arrivals.check(&format!("seed {seed}, at the end"));
    });
}

/// With `late_extracts = "insert"` the users extracts may come in any order as well: one that is
/// late takes its place between its neighbours, and the loaded rows follow.
#[test]
fn users_extracts_in_any_order_give_the_same_tables() {
    let order = Just((0..6_u32).collect::<Vec<_>>()).prop_shuffle();
    let modes = prop::collection::vec(0..3_u8, 6);
    check_cases(6, (any::<u64>(), order, modes), |(seed, order, modes)| {
        let mut arrivals = Arrivals::new(settings(seed, 40, 60, 6));
        arrivals.project.edit_manifest(
            "deleted = \"close\"",
            "deleted = \"close\"\nlate_extracts = \"insert\"",
        );
        for ((hour, day), mode) in (0..).zip(&order).zip(&modes) {
            arrivals.update_mode(*mode);
            arrivals.arrive(Extract::users(*day));
            for of_day in 0..6 {
                arrivals.arrive(Extract::views(of_day, hour));
            }
            arrivals.project.ok(&["run", "--at", "2019-12-01"]);
            arrivals.check(&format!("seed {seed}, order {order:?}, after day {day}"));
        }
    });
}
