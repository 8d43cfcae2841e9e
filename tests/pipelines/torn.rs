//! Blocks of the warehouse that were half written when a run was killed.

use std::path::Path;

use duckdb::{AccessMode, Config, Connection};
use fs_err as fs;
use wigeon_tests::{Project, Stopped};

use crate::{
    failpoints::{arrive, kill_at, with_all_kinds},
    kills::{RUN, WAREHOUSE, check_no_litter},
    tables::{assert_same, of_pipeline, open},
};

const COPIES: &str = "pageviews_postcode.duckdb.doublewrite";

/// The blocks that the next checkpoint may write over.
fn written_over(warehouse: &Path) -> Vec<usize> {
    let connection = open(warehouse);
    let blocks = "select block_id::ubigint from pragma_metadata_info() where free_blocks > 0";
    let mut blocks = connection.prepare(blocks).expect("a query");
    let blocks = blocks
        .query_map([], |row| row.get::<_, u64>(0))
        .expect("rows");
    let number = |block: Result<u64, _>| usize::try_from(block.expect("a block"));
    blocks
        .map(|block| number(block).expect("a number"))
        .collect()
}

/// Leaves blocks as a process does that is killed in the middle of writing them.
fn tear(project: &Project, blocks: &[usize]) {
    let path = project.path(WAREHOUSE);
    let mut bytes = fs::read(&path).expect("the warehouse");
    for block in blocks {
        let block = &mut bytes[12_288 + block * 262_144..][..262_144];
        // The checksum of what was to be written comes first.
        block[..8].fill(0xab);
        block[8..131_072].iter_mut().for_each(|byte| *byte ^= 0xff);
    }
    fs::write(&path, bytes).expect("a file");
    let config = Config::default().access_mode(AccessMode::ReadOnly);
    let opened = Connection::open_with_flags(&path, config.expect("a configuration"));
    let refused = opened.expect_err("a torn block").to_string();
    assert!(refused.contains("Corrupt database file"), "{refused}");
}

#[test]
fn a_torn_block_is_mended_by_the_next_command() {
    let mut arrivals = with_all_kinds();
    arrive(&mut arrivals, 0);
    arrivals.project.ok(&RUN);
    arrive(&mut arrivals, 1);
    let undisturbed = arrivals.project.copy();
    undisturbed.ok(&RUN);
    let expected = of_pipeline(&undisturbed.path(WAREHOUSE));

    assert!(kill_at(&arrivals.project, "checkpointing", &RUN));
    assert!(arrivals.project.path(COPIES).exists());
    let blocks = written_over(&arrivals.project.path(WAREHOUSE));
    assert!(!blocks.is_empty(), "a checkpoint writes over nothing");
    let count = "select count(*) from pageviews_postcode";
    for command in [&RUN[..], &["status"], &["sql", count], &["verify"]] {
        let project = arrivals.project.copy();
        tear(&project, &blocks);
        project.ok(command);
        project.ok(&RUN);
        let when = format!("mended by {command:?}");
        assert_same(&of_pipeline(&project.path(WAREHOUSE)), &expected, &when);
        check_no_litter(&project);
    }
}

/// Closing a warehouse with something in its log is a checkpoint, whatever comes of the run.
#[test]
fn a_log_that_is_left_has_copies_before_anything_else() {
    let mut arrivals = with_all_kinds();
    arrive(&mut arrivals, 0);
    let project = &arrivals.project;
    assert!(kill_at(project, "checkpointing", &RUN));
    project.ok(&["status"]);
    assert!(!project.path(COPIES).exists(), "there was nothing to mend");
    let run = Stopped::at(project, "opened", &RUN);
    assert!(project.path(COPIES).exists());
    let ran = run.go_on();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    check_no_litter(project);
}

/// What looks torn may be about to be written.
#[test]
fn nothing_is_mended_under_a_run() {
    let mut arrivals = with_all_kinds();
    arrive(&mut arrivals, 0);
    let project = &arrivals.project;
    let run = Stopped::at(project, "checkpointing", &RUN);
    let copies = fs::read(project.path(COPIES)).expect("the copies");
    let status = project.run(&["status"]);
    assert_ne!(status.code, Some(0), "{}", status.stderr);
    assert_eq!(fs::read(project.path(COPIES)).expect("the copies"), copies);
    let ran = run.go_on();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    check_no_litter(project);
}
