//! Days of hourly and daily runs in three lanes, as cron starts them, of which many are killed.
//!
//! `./just soak` simulates a year, `./just test` a few days. At the end the tables are compared with
//! the oracle, and a line says how much memory the runs took and how large the warehouse is.

use std::{
    env,
    hash::{BuildHasher, RandomState},
    io::{self, Write as _},
    process::Stdio,
    time::{Duration, Instant},
};

use chrono::{Days, NaiveDate};
use fs_err as fs;
use wait4::Wait4 as _;
use wigeon_engine::Point;
use wigeon_generator::{Extract, Settings};
use wigeon_tests::Project;

use crate::{
    arrivals::{Arrivals, settings},
    failpoints::kill_at,
    kills::{WAREHOUSE, check_no_litter, check_whole_loads, kill_after, some_of},
};

/// How many days `./just test` simulates.
const DAYS: u32 = 3;

/// After so many days the tables are compared with the oracle on the way.
const MONTH: u32 = 30;

/// What has happened so far.
#[derive(Default)]
struct Soak {
    runs: u64,
    kills: u64,
    /// How long the last run took that was left alone.
    whole: Duration,
    /// The most memory that any of these took.
    peak_bytes: u64,
}

impl Soak {
    /// Runs what is due. Of four runs one is meant to be killed, by the clock or at a named point.
    fn run(&mut self, project: &Project, at: &str) {
        let arguments = ["run", "--due", "--at", at];
        self.runs += 1;
        let killed = match any_below(8) {
            0 => kill_after(project.start(&arguments), some_of(self.whole)),
            1 => {
                let point = Point::ALL[any_below(Point::ALL.len())];
                kill_at(project, point.as_str(), &arguments)
            }
            _ => return self.run_whole(project, &arguments),
        };
        self.kills += u64::from(killed);
        check_whole_loads(project, &format!("at {at}, after {} kills", self.kills));
    }

    /// Runs to the end, and looks at what that took.
    fn run_whole(&mut self, project: &Project, arguments: &[&str]) {
        let started = Instant::now();
        let run = project
            .command(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let used = run.expect("the binary runs").wait4().expect("it ends");
        assert!(used.status.success(), "{arguments:?}: {}", used.status);
        self.whole = started.elapsed();
        self.peak_bytes = self.peak_bytes.max(used.rusage.maxrss);
    }
}

#[test]
fn runs_that_are_killed_now_and_then_end_in_the_tables_of_the_oracle() {
    let days = env::var("WIGEON_SOAK_DAYS").map_or(DAYS, |days| {
        days.parse()
            .expect("`WIGEON_SOAK_DAYS` is a number of days")
    });
    let started = Instant::now();
    let settings = Settings {
        movers: 0.02,
        ..settings(53, 60, 240, days)
    };
    let start = settings.start;
    let mut arrivals = Arrivals::new(settings);
    arrivals.lanes(3);
    let mut soak = Soak::default();
    for day in 0..days {
        arrivals.arrive(Extract::users(day));
        for hour in 0..24 {
            arrivals.arrive(Extract::views(day, hour));
            // In UTC, which has every hour once. London is never behind it.
            let at = format!("{}T{hour:02}:50:00Z", date(start, day));
            soak.run(&arrivals.project, &at);
        }
        if day % MONTH == MONTH - 1 || day + 1 == days {
            let at = format!("{}T02:00:00Z", date(start, day + 1));
            soak.run_whole(&arrivals.project, &["run", "--at", &at]);
            arrivals.check(&format!("after day {day} and {} kills", soak.kills));
        }
    }
    let note = arrivals.project.path(&format!("{WAREHOUSE}.loads"));
    fs::remove_file(note).expect("runs of what is due leave a note of what was loaded");
    check_no_litter(&arrivals.project);
    assert!(days < DAYS || soak.kills > 0, "no run was killed");
    let warehouse = fs::metadata(arrivals.project.path(WAREHOUSE)).expect("the warehouse");
    let rows = arrivals
        .project
        .sql("select count(*) as n from pageviews_postcode");
    writeln!(
        io::stderr(),
        "soak: {days} days, {} runs, {} of them killed, {} rows, {:.1} MiB of warehouse, at most {:.0} MiB of memory, in {:.0} s",
        soak.runs,
        soak.kills,
        rows.lines().last().unwrap_or_default(),
        mib(warehouse.len()),
        mib(soak.peak_bytes),
        started.elapsed().as_secs_f64()
    )
    .expect("standard error can be written to");
}

fn date(start: NaiveDate, day: u32) -> NaiveDate {
    let date = start.checked_add_days(Days::new(day.into()));
    date.expect("it is in the calendar")
}

/// Returns any number below another.
fn any_below(number: usize) -> usize {
    let random = RandomState::new().hash_one(()) >> 32;
    usize::try_from(random).expect("32 bits are left") % number
}

#[expect(
    clippy::cast_precision_loss,
    reason = "files have fewer than 2^53 bytes"
)]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
