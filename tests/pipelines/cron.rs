//! One crontab line: what is due runs, what was missed is caught up, and one run at a time.

use std::collections::BTreeMap;

use fs_err as fs;
use serde_json::Value;
use wigeon_generator::Extract;
use wigeon_tests::{Project, Stopped};

use crate::{
    arrivals::{Arrivals, settings},
    failpoints::kill_at,
};

const STEPS: [&str; 3] = [
    "current_postcode",
    "pageviews_postcode",
    "updated_postcode_stg",
];

fn arrivals(days: u32) -> Arrivals {
    Arrivals::new(settings(43, 50, 120, days))
}

/// The ledger: step and logical time in UTC, in the order of the loads.
fn ledger(project: &Project) -> Vec<String> {
    let loads = project.sql(
        "select step, make_timestamp(epoch_us(logical_time)) as t from wigeon.ledger order by load_id",
    );
    loads.lines().skip(1).map(str::to_owned).collect()
}

/// Runs what is due and returns what that added to the ledger.
fn due(project: &Project, at: &str) -> Vec<String> {
    let before = if project.path("pageviews_postcode.duckdb").exists() {
        ledger(project).len()
    } else {
        0
    };
    project.ok(&["run", "--due", "--at", at]);
    ledger(project).split_off(before)
}

/// Asks for a report as JSON and returns its steps by name.
fn steps(project: &Project, arguments: &[&str]) -> BTreeMap<String, Value> {
    let report = project.ok(&[arguments, &["--format", "json"]].concat());
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let steps = report["steps"].as_array().expect("steps").iter();
    steps
        .map(|step| {
            (
                step["step"].as_str().expect("a name").to_owned(),
                step.clone(),
            )
        })
        .collect()
}

/// In October the clocks of London are an hour ahead of UTC. A tick is due from its own minute on.
#[test]
fn only_what_is_due_runs() {
    let mut arrivals = arrivals(2);
    (0..2)
        .flat_map(Extract::of_day)
        .for_each(|extract| arrivals.arrive(extract));
    let project = &arrivals.project;
    // What has never run is due for its last tick.
    assert_eq!(
        due(project, "2019-10-11T00:50"),
        [
            "current_postcode,2019-10-10 01:30:00",
            "pageviews_postcode,2019-10-10 23:10:00",
            "updated_postcode_stg,2019-10-10 01:45:00",
        ]
    );
    assert!(due(project, "2019-10-11T01:09:59").is_empty());
    assert_eq!(
        due(project, "2019-10-11T01:10"),
        ["pageviews_postcode,2019-10-11 00:10:00"]
    );
    assert!(due(project, "2019-10-11T01:11").is_empty());
    assert_eq!(
        due(project, "2019-10-11T02:30"),
        [
            "current_postcode,2019-10-11 01:30:00",
            "pageviews_postcode,2019-10-11 01:10:00"
        ]
    );
    // Nothing is new for it, but it ran.
    assert_eq!(
        due(project, "2019-10-11T02:50"),
        ["updated_postcode_stg,2019-10-11 01:45:00"]
    );
    assert_eq!(
        due(project, "2019-10-11T03:50"),
        ["pageviews_postcode,2019-10-11 02:10:00"]
    );
    // A step that is named runs only if it is due as well.
    let named = [
        "run",
        "--due",
        "--at",
        "2019-10-11T04:50",
        "--step",
        "current_postcode",
    ];
    let before = ledger(project);
    project.ok(&named);
    assert_eq!(ledger(project), before);
    // Without --due, it runs whatever the schedule says.
    project.ok(&["run", "--at", "2019-10-11T03:55"]);
    assert_eq!(ledger(project), before);
}

/// When nothing is due, that is no failure, and the run says so.
#[test]
fn nothing_due_is_success() {
    let mut arrivals = arrivals(1);
    arrivals.arrive(Extract::users(0));
    arrivals.arrive(Extract::views(0, 0));
    let project = &arrivals.project;
    project.ok(&["run", "--due", "--at", "2019-10-11T00:50"]);
    let before = project.sql("from wigeon.ledger");
    let ran = project.run(&["run", "--due", "--at", "2019-10-11T00:55"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let said = [ran.stdout, ran.stderr].concat();
    assert!(said.contains("nothing to do"), "{said}");
    assert_eq!(project.sql("from wigeon.ledger"), before);
}

/// A run that has nothing to do knows it without opening the warehouse, unless somebody has written
/// to that since the last run of what was due.
#[test]
fn nothing_due_leaves_the_warehouse_closed() {
    let mut arrivals = arrivals(1);
    arrivals.arrive(Extract::users(0));
    arrivals.arrive(Extract::views(0, 0));
    let idle = ["run", "--due", "--at", "2019-10-11T02:09"];
    let opens =
        |arrivals: &Arrivals, arguments: &[&str]| kill_at(&arrivals.project, "opened", arguments);
    assert!(opens(&arrivals, &idle), "what has never run is due");
    arrivals.project.ok(&idle);
    assert!(!opens(&arrivals, &idle));
    let due = ["run", "--due", "--at", "2019-10-11T02:10"];
    assert!(opens(&arrivals, &due));
    assert!(!opens(&arrivals, &idle), "nothing was written");
    arrivals.arrive(Extract::views(0, 1));
    arrivals.project.ok(&["run", "--at", "2019-10-11T02:05"]);
    assert!(opens(&arrivals, &idle), "the ledger has another row");
    arrivals.project.ok(&idle);
    assert!(!opens(&arrivals, &idle));
}

/// A machine that was off for three days: one run takes in all that was missed, each users extract
/// in its order, and the plan says beforehand how many ticks were missed.
#[test]
fn what_was_missed_is_caught_up() {
    let mut arrivals = arrivals(4);
    for hour in 0..3 {
        arrivals.arrive(Extract::views(0, hour));
    }
    arrivals.arrive(Extract::users(0));
    arrivals
        .project
        .ok(&["run", "--due", "--at", "2019-10-11T02:50"]);
    for extract in (0..4).flat_map(Extract::of_day) {
        let is_new = extract > Extract::views(0, 2);
        if is_new {
            arrivals.arrive(extract);
        }
    }
    let project = &arrivals.project;
    let at = "2019-10-14T02:50";
    let plan = steps(project, &["plan", "--due", "--at", at]);
    let status = steps(project, &["status", "--at", at]);
    for (step, ticks) in STEPS.into_iter().zip([3, 72, 3]) {
        assert_eq!(plan[step]["runs"], true, "{step}");
        let reason = plan[step]["reason"].as_str().expect("a reason");
        assert!(
            reason.contains(&format!("{ticks} ticks")),
            "{step}: {reason}"
        );
        assert_eq!(status[step]["overdue"], ticks, "{step}");
    }
    let waiting = STEPS.map(|step| status[step]["waiting"].as_u64());
    assert_eq!(waiting, [Some(3), Some(72), Some(0)]);

    let caught_up = project.run(&["run", "--due", "--at", at]);
    assert_eq!(caught_up.code, Some(0), "{}", caught_up.stderr);
    let extracts =
        "select effective_time from wigeon.ledger where step = 'current_postcode' order by load_id";
    assert_eq!(
        project.sql(extracts),
        "effective_time\n2019-10-11 00:00:00\n2019-10-12 00:00:00\n2019-10-13 00:00:00\n2019-10-14 00:00:00\n"
    );
    let status = steps(project, &["status", "--at", at]);
    for step in STEPS {
        assert_eq!(
            (&status[step]["overdue"], &status[step]["waiting"]),
            (&0.into(), &0.into()),
            "{step}"
        );
    }
    assert!(due(project, at).is_empty());
    project.ok(&["run", "--at", "2019-10-14T23:59"]);
    arrivals.check("after the gap");
}

/// What is not due is planned as not running.
#[test]
fn a_plan_of_what_is_due_says_why_not() {
    let mut arrivals = arrivals(1);
    Extract::of_day(0).for_each(|extract| arrivals.arrive(extract));
    let project = &arrivals.project;
    project.ok(&["run", "--due", "--at", "2019-10-11T02:50"]);
    let plan = steps(project, &["plan", "--due", "--at", "2019-10-11T03:50"]);
    let runs = STEPS.map(|step| plan[step]["runs"].as_bool());
    assert_eq!(runs, [Some(false), Some(true), Some(false)]);
    assert_eq!(plan["current_postcode"]["reason"], "not due");
    let inputs = plan["pageviews_postcode"]["inputs"]
        .as_array()
        .expect("inputs");
    assert_eq!(inputs.len(), 1, "{inputs:?}");
    let ledger_before = ledger(project);
    project.ok(&["plan", "--due", "--at", "2019-10-11T03:50"]);
    assert_eq!(ledger(project), ledger_before);
}

/// Files that never came are holes between those that did; the last ones are only late.
#[test]
fn status_names_the_extracts_that_are_missing() {
    let mut arrivals = arrivals(4);
    for extract in (0..4).flat_map(Extract::of_day) {
        let lost = [
            Extract::users(1),
            Extract::users(2),
            Extract::views(0, 23),
            Extract::views(2, 5),
            Extract::views(3, 23),
        ];
        if !lost.contains(&extract) {
            arrivals.arrive(extract);
        }
    }
    let project = &arrivals.project;
    project.ok(&["run", "--at", "2019-10-14T23:59"]);
    let at = ["status", "--at", "2019-10-14T23:59"];
    let status = steps(project, &at);
    let holes = STEPS.map(|step| status[step]["holes"].clone());
    let expected: [Value; 3] = [
        vec!["2019-10-12T00:00:00", "2019-10-13T00:00:00"].into(),
        vec!["2019-10-11T23:00:00", "2019-10-13T05:00:00"].into(),
        Vec::<Value>::new().into(),
    ];
    assert_eq!(holes, expected);
    let said = project.ok(&at);
    assert!(said.contains("current_postcode lacks 2 extracts"), "{said}");
    assert!(
        said.contains("pageviews_postcode lacks 2 extracts"),
        "{said}"
    );
    // One comes after all.
    arrivals.arrive(Extract::views(2, 5));
    arrivals.project.ok(&["run", "--at", "2019-10-14T23:59"]);
    let status = steps(&arrivals.project, &at);
    assert_eq!(
        status["pageviews_postcode"]["holes"],
        Value::from(vec!["2019-10-11T23:00:00"])
    );
    arrivals.check("with what came");
}

/// In the night in which the clocks go forward, 01:00 does not exist, and no file of it is missing.
#[test]
fn an_hour_that_does_not_exist_is_no_hole() {
    let arrivals = arrivals(1);
    let project = &arrivals.project;
    project.write(
        "extracts/users_extract_2020-03-28.csv",
        "id,postcode\n1,SW19\n",
    );
    for hour in ["28T22", "28T23", "29T00", "29T02", "29T04"] {
        project.write(
            &format!("extracts/pageview_extract_2020-03-{hour}.csv"),
            format!(
                "user_id,url,pageview_datetime\n1,u,2020-03-{}:00:00\n",
                hour.replace('T', " ")
            ),
        );
    }
    project.ok(&["run", "--at", "2020-03-29T12:00"]);
    let status = steps(project, &["status", "--at", "2020-03-29T12:00"]);
    assert_eq!(
        status["pageviews_postcode"]["holes"],
        Value::from(vec!["2020-03-29T03:00:00"])
    );
}

/// While one run is at work a second one exits at once and names it. When the first is killed, its
/// lock is no obstacle, and what it had begun never was.
#[test]
fn one_run_at_a_time() {
    let mut arrivals = arrivals(1);
    Extract::of_day(0).for_each(|extract| arrivals.arrive(extract));
    let project = &arrivals.project;
    let run = ["run", "--due", "--at", "2019-10-11T23:59"];
    let first = Stopped::at(project, "locked", &run);
    let pid = first.pid().to_string();

    for command in [run.as_slice(), &["run"]] {
        let second = project.run(command);
        assert_eq!(second.code, Some(75), "{command:?}: {}", second.stderr);
        assert!(second.stderr.contains(&pid), "{pid}: {}", second.stderr);
        assert!(
            second.stderr.contains("run --due --at 2019-10-11T23:59"),
            "{}",
            second.stderr
        );
    }

    // Dropped, it is killed.
    drop(first);
    let lock = project.path("pageviews_postcode.duckdb.lock");
    assert!(
        fs::read_to_string(&lock)
            .expect("the lock file")
            .contains(&pid),
        "it is left behind"
    );
    project.ok(&run);
    arrivals.check("after the killed run");
}
