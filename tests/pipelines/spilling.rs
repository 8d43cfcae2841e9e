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
use wigeon_tests::Project;

use crate::{
    arrivals::{Arrivals, settings},
    kills::{RUN, WAREHOUSE, check_no_litter},
};

/// A project that was run once, and in which queries have little memory.
fn small(temp_directory: &str) -> Arrivals {
    let mut arrivals = Arrivals::new(settings(41, 40, 120, 2));
    arrivals.project.edit_manifest(
        "memory_limit_mib = 640\n",
        &format!("memory_limit_mib = 64\n{temp_directory}"),
    );
    Extract::of_day(0).for_each(|extract| arrivals.arrive(extract));
    arrivals.project.ok(&RUN);
    arrivals
}

/// A query of so many rows that must all be there before the first can be told.
fn sorted(rows: u32) -> String {
    format!(
        "select count(*) as rows, sum(id * (place % 1009))::varchar as sum, min(text) as first \
         from (select id, repeat(id::varchar, 6) as text, row_number() over (order by hash(id)) as place \
         from range({rows}) as numbers(id))"
    )
}

/// Returns the directories in another that queries spill to.
fn spilled_to(directory: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(directory).expect("the directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let of_a_reader = |path: &PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy();
        name.starts_with(WAREHOUSE) && name.contains(".tmp.")
    };
    paths.filter(of_a_reader).collect()
}

#[test]
fn queries_that_spill_at_once_say_what_one_says() {
    let arrivals = small("");
    let query = sorted(1_500_000);
    let alone = arrivals.project.sql(&query);
    assert!(alone.starts_with("rows,sum,first\n1500000,"), "{alone}");
    for _ in 0..2 {
        thread::scope(|scope| {
            let queries = [(); 3].map(|()| scope.spawn(|| arrivals.project.sql(&query)));
            for said in queries {
                assert_eq!(said.join().expect("a query that succeeds"), alone);
            }
        });
    }
    check_no_litter(&arrivals.project);
}

/// Starts queries, and kills them when each has spilled.
fn kill_two_that_spill(project: &Project, directory: &Path) -> BTreeSet<PathBuf> {
    let query = sorted(200_000_000);
    let mut queries: [Child; 2] = [(); 2].map(|()| project.start(&["sql", &query]));
    let waiting = Instant::now();
    while !directory.exists() || spilled_to(directory).len() < 2 {
        let patience = Duration::from_mins(1);
        assert!(waiting.elapsed() < patience, "two queries have not spilled");
        thread::sleep(Duration::from_millis(5));
    }
    for query in &mut queries {
        query.kill().expect("SIGKILL");
        query.wait().expect("a child that ends");
    }
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

/// A directory for several pipelines keeps what is not of this one.
#[test]
fn what_is_left_in_a_shared_directory_is_removed_but_for_that_of_others() {
    let mut arrivals = small("temp_directory = \"scratch/of/all\"\n");
    let shared = arrivals.project.path("scratch/of/all");
    let left = kill_two_that_spill(&arrivals.project, &shared);
    assert_eq!(left.len(), 2, "{left:?}");
    let other = format!("{WAREHOUSE}-0123456789abcdef.tmp");
    let spilled = format!("scratch/of/all/{other}/duckdb_temp_storage_DEFAULT-0.tmp");
    arrivals.project.write(&spilled, "of another pipeline");
    let verify = "scratch/of/all/wigeon-verify-000000";
    arrivals
        .project
        .write(&format!("{verify}/.wigeon-in-use"), "");
    arrivals
        .project
        .write(&format!("{verify}/recomputed.duckdb"), "");

    Extract::of_day(1).for_each(|extract| arrivals.arrive(extract));
    arrivals.project.ok(&RUN);
    assert_eq!(spilled_to(&shared), BTreeSet::new());
    assert!(arrivals.project.path(&spilled).exists());

    arrivals.project.ok(&["verify"]);
    let names = fs::read_dir(&shared).expect("the directory");
    let names: Vec<_> = names
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names, [other.as_str()]);
}
