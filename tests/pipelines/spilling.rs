//! What does not fit into memory: each process has a place of its own on disk for it, and what is
//! left of one that was killed is removed.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Child,
    thread,
    time::{Duration, Instant},
};

use fs_err as fs;
use wigeon_generator::Extract;
use wigeon_tests::{Project, ended};

use crate::{
    arrivals::{Arrivals, settings},
    kills::{RUN, check_no_litter},
};

/// A project that was run once, and in which queries have little memory.
fn small(temp_directory: &str) -> Arrivals {
    let mut arrivals = Arrivals::new(settings(41, 40, 120, 2));
    arrivals.project.edit_manifest(
        "memory_limit_mib = 640\n",
        &format!("memory_limit_mib = 64\nthreads = 2\n{temp_directory}"),
    );
    Extract::of_day(0).for_each(|extract| arrivals.arrive(extract));
    arrivals.project.ok(&RUN);
    arrivals
}

/// A query of so many rows, of which all must be there before the first can be told.
fn sorted(rows: u32) -> String {
    format!(
        "select count(*) as rows, sum(id * (place % 1009))::varchar as sum, min(text) as first \
         from (select id, text, row_number() over (order by hash(id)) as place \
         from (select id, repeat(id::varchar, 6) as text from range({rows}) as numbers(id)))"
    )
}

/// Processes, which end with the test.
struct Queries(Vec<Child>);

impl Queries {
    fn start(project: &Project, query: &str, number: usize) -> Self {
        let mut command = project.command(&["sql", "--format", "csv", query]);
        command.stdout(std::process::Stdio::piped());
        command.stderr(std::process::Stdio::piped());
        let start = |_| command.spawn().expect("the binary runs");
        Self((0..number).map(start).collect())
    }

    fn all_run(&mut self) -> bool {
        let runs = |query: &mut Child| query.try_wait().expect("the state of a child").is_none();
        self.0.iter_mut().all(runs)
    }
}

impl Drop for Queries {
    fn drop(&mut self) {
        for query in &mut self.0 {
            query.kill().ok();
            query.wait().ok();
        }
    }
}

/// Returns the directories in another in which something was spilled.
fn spilled_to(directory: &Path) -> BTreeSet<PathBuf> {
    let paths = |directory: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    };
    let is_spilled = |path: &PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy();
        name.starts_with("duckdb_temp_")
    };
    let has_spilled = |path: &PathBuf| path.is_dir() && paths(path).iter().any(is_spilled);
    paths(directory).into_iter().filter(has_spilled).collect()
}

#[test]
fn queries_that_spill_at_once_say_what_one_says() {
    let arrivals = small("");
    let query = sorted(1_500_000);
    let alone = arrivals.project.sql(&query);
    assert!(alone.starts_with("rows,sum,first\n1500000,"), "{alone}");
    let mut most_at_once = 0;
    for _ in 0..10 {
        let mut queries = Queries::start(&arrivals.project, &query, 3);
        while queries.all_run() {
            most_at_once = most_at_once.max(spilled_to(&arrivals.project.path(".")).len());
            thread::sleep(Duration::from_millis(2));
        }
        for query in queries.0.drain(..) {
            let said = ended(query);
            assert_eq!(
                (said.code, said.stdout),
                (Some(0), alone.clone()),
                "{}",
                said.stderr
            );
        }
        if most_at_once > 1 {
            break;
        }
    }
    assert!(most_at_once > 1, "no two have spilled at once");
    check_no_litter(&arrivals.project);
}

/// Starts two queries, and kills them when both have spilled.
fn kill_two_that_spill(project: &Project, directory: &Path) -> BTreeSet<PathBuf> {
    let mut queries = Queries::start(project, &sorted(200_000_000), 2);
    let waiting = Instant::now();
    while spilled_to(directory).len() < 2 {
        assert!(queries.all_run(), "a query has ended");
        let patience = Duration::from_mins(1);
        assert!(waiting.elapsed() < patience, "two queries have not spilled");
        thread::sleep(Duration::from_millis(5));
    }
    drop(queries);
    spilled_to(directory)
}

#[test]
fn what_killed_queries_have_spilled_is_removed_by_the_next_run() {
    let mut arrivals = small("");
    let left = kill_two_that_spill(&arrivals.project, &arrivals.project.path("."));
    assert_eq!(left.len(), 2, "{left:?}");
    Extract::of_day(1).for_each(|extract| arrivals.arrive(extract));
    arrivals.project.ok(&RUN);
    check_no_litter(&arrivals.project);
}

/// Whoever has the same `temp_directory` removes what is left there, and nothing that is in use.
#[test]
fn what_is_left_in_a_shared_directory_is_removed_by_whoever_shares_it() {
    let arrivals = small("temp_directory = \"scratch\"\n");
    let shared = arrivals.project.path("scratch");
    let left = kill_two_that_spill(&arrivals.project, &shared);
    assert_eq!(left.len(), 2, "{left:?}");
    let verify = "scratch/wigeon-verify-000000";
    arrivals
        .project
        .write(&format!("{verify}/.wigeon-in-use"), "");
    arrivals
        .project
        .write(&format!("{verify}/recomputed.duckdb"), "");
    arrivals.project.write("scratch/of the user", "");

    let mut other = small(&format!("temp_directory = {shared:?}\n"));
    assert_eq!(spilled_to(&shared), BTreeSet::new());
    let at_work = Queries::start(&arrivals.project, &sorted(200_000_000), 1);
    let waiting = Instant::now();
    let in_use = loop {
        let in_use = spilled_to(&shared);
        if !in_use.is_empty() {
            break in_use;
        }
        assert!(
            waiting.elapsed() < Duration::from_mins(1),
            "it has not spilled"
        );
        thread::sleep(Duration::from_millis(5));
    };
    Extract::of_day(1).for_each(|extract| other.arrive(extract));
    other.project.ok(&RUN);
    assert_eq!(spilled_to(&shared), in_use);
    drop(at_work);

    arrivals.project.ok(&["verify"]);
    let names = fs::read_dir(&shared).expect("the directory");
    let names: Vec<_> = names
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names, ["of the user"]);
}
