//! A disk that is full, or may not be written to.
//!
//! The tests mount small file systems in memory, which takes a superuser; without the right to do
//! so they are skipped, and say it.

use std::{fmt::Write as _, io::Write as _, path::PathBuf};

use fs_err as fs;
use nix::mount::{MsFlags, mount, umount};
use wigeon_tests::{Project, Ran, Stopped, filters, say_skipped};

use crate::support::{AT, NEXT_USERS, NEXT_VIEWS, TEN_USERS, USERS, VIEWS, assert_told, told};

const RUN: [&str; 3] = ["run", "--at", AT];
const COUNT: &str = "select count(*) as n from pageviews_postcode";
const NEWS: &str = "user_id,url,pageview_datetime\n1,https://example.com/c,2019-10-11 02:00:00\n";

/// The flagship with its warehouse, or what DuckDB spills to, in a small file system of its own,
/// which is gone with it.
struct OnSmallDisk {
    mounted: Vec<PathBuf>,
    project: Project,
}

impl OnSmallDisk {
    /// Mounts so many KiB for the warehouse, or says why the test is skipped.
    fn new(kib: u32) -> Option<Self> {
        let project = flagship("path = \"small/pageviews_postcode.duckdb\"");
        Self::mounted(project, kib)
    }

    /// Mounts so many KiB for what does not fit DuckDB's memory, which is little.
    fn to_spill_to(kib: u32) -> Option<Self> {
        let project = flagship("path = \"pageviews_postcode.duckdb\"\ntemp_directory = \"small\"");
        project.edit_manifest("memory_limit_mib = 640", "memory_limit_mib = 64");
        Self::mounted(project, kib)
    }

    fn mounted(project: Project, kib: u32) -> Option<Self> {
        let small = project.path("small");
        fs::create_dir(&small).expect("a new directory");
        let size = format!("size={kib}k");
        let flags = MsFlags::empty();
        if let Err(error) = mount(Some("tmpfs"), &small, Some("tmpfs"), flags, Some(&*size)) {
            say_skipped(&format!("nothing can be mounted here: {error}"));
            return None;
        }
        Some(Self {
            mounted: vec![small],
            project,
        })
    }

    /// The same, run once, with views that are to be taken in.
    fn loaded() -> Option<Self> {
        let disk = Self::new(16 << 10)?;
        disk.project.ok(&RUN);
        disk.project.write(NEXT_VIEWS, NEWS);
        Some(disk)
    }

    /// Mounts it anew, with the rows that are there.
    fn remount(&self, flags: MsFlags, data: Option<&str>) {
        let flags = flags | MsFlags::MS_REMOUNT;
        let small = self.project.path("small");
        mount(None::<&str>, &small, None::<&str>, flags, data).expect("it is mounted");
    }

    /// Leaves no room for a byte.
    fn fill(&self) {
        let filler = fs::File::create(self.project.path("small/filler")).expect("a file");
        let mut room = vec![0; 1 << 16];
        while !room.is_empty() {
            if (&filler).write_all(&room).is_err() {
                room.truncate(room.len() / 2);
            }
        }
    }

    /// Takes so many KiB of what fills it away.
    fn make_room(&self, kib: u64) {
        let filler = self.project.path("small/filler");
        let filler = fs::OpenOptions::new().write(true).open(filler);
        let filler = filler.expect("it is there");
        let size = filler.metadata().expect("its size").len();
        filler.set_len(size - (kib << 10)).expect("a smaller file");
    }

    /// Runs, which must fail and change nothing, and returns what was said.
    fn refused(&self, code: i32) -> String {
        let before = self.loads();
        let ran: Ran = self.project.run(&RUN);
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        assert_eq!(self.loads(), before, "it failed and changed something");
        told(&self.project, &ran)
    }

    /// Checks that DuckDB has taken away what it had spilled.
    fn check_nothing_is_left(&self) {
        let mut left = fs::read_dir(self.project.path("small")).expect("the directory");
        assert!(left.next().is_none(), "something is left");
    }

    fn loads(&self) -> String {
        let loads = "select step, rows_out from wigeon.ledger order by load_id";
        [self.project.sql(loads), self.project.sql(COUNT)].concat()
    }
}

impl Drop for OnSmallDisk {
    fn drop(&mut self) {
        for mounted in self.mounted.iter().rev() {
            umount(mounted).ok();
        }
    }
}

/// The flagship with one extract of each kind and one lane, in which everybody may move.
fn flagship(path: &str) -> Project {
    let project = Project::flagship();
    project.edit_manifest(
        "path = \"pageviews_postcode.duckdb\"",
        &format!("{path}\nthreads = 1"),
    );
    project.edit_manifest("max_changed_share = 0.5", "max_changed_share = 1.0");
    project.write(USERS, TEN_USERS);
    project.write(
        VIEWS,
        "user_id,url,pageview_datetime\n1,https://example.com/a,2019-10-11 01:05:00\n\
         2,https://example.com/b,2019-10-11 01:25:00\n",
    );
    project
}

/// An extract of so many users, with postcodes that begin like this.
fn users(count: u32, postcode: &str) -> String {
    let mut extract = "id,postcode\n".to_owned();
    for id in 1..=count {
        writeln!(extract, "{id},{postcode}{id}").expect("text");
    }
    extract
}

/// Returns all rows of the tables, and what the ledger has of each load.
fn tables(project: &Project) -> String {
    let queries = [
        "select step, logical_time, effective_time, rows_in, rows_out from wigeon.ledger order by load_id",
        "select * from current_postcode_history order by all",
        "select * from pageviews_postcode order by all",
    ];
    queries.map(|query| project.sql(query)).concat()
}

/// Compares a message with its snapshot, but for a pattern that depends on more than the test.
macro_rules! assert_told_but_for {
    ($told:expr, $pattern:expr, $stands_for_it:expr) => {
        let mut filters = filters();
        filters.push(($pattern, $stands_for_it));
        insta::with_settings!({ filters => filters, omit_expression => true }, {
            insta::assert_snapshot!($told);
        });
    };
}

#[test]
fn a_disk_that_is_full() {
    let Some(disk) = OnSmallDisk::loaded() else {
        return;
    };
    disk.fill();
    let told = disk.refused(1);
    assert!(told.contains("No space left on device"), "{told}");
    assert!(told.contains("hint: if the disk"), "{told}");
    assert_told!(told);
    // With room, the next run takes it in.
    fs::remove_file(disk.project.path("small/filler")).expect("it is there");
    disk.project.ok(&RUN);
    assert_eq!(disk.project.sql(COUNT), "n\n3\n");
}

#[test]
fn a_disk_that_is_too_small_for_a_warehouse() {
    let Some(disk) = OnSmallDisk::new(64) else {
        return;
    };
    let ran = disk.project.run(&RUN);
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    let warehouse = disk.project.path("small/pageviews_postcode.duckdb");
    assert!(!warehouse.exists(), "half a warehouse is none");
    let told = told(&disk.project, &ran);
    assert!(told.contains("No space left on device"), "{told}");
    assert_told!(told);
    disk.remount(MsFlags::empty(), Some("size=16m"));
    disk.project.ok(&RUN);
    assert_eq!(disk.project.sql(COUNT), "n\n2\n");
    let left = fs::read_dir(disk.project.path("small")).expect("the directory");
    let left = left.map(|entry| entry.expect("an entry").file_name().into_string());
    let mut left: Vec<_> = left.map(|name| name.expect("UTF-8")).collect();
    left.sort();
    assert_eq!(
        left,
        [
            "pageviews_postcode.duckdb",
            "pageviews_postcode.duckdb.lock"
        ]
    );
}

#[test]
fn a_warehouse_on_a_disk_that_may_only_be_read() {
    let Some(disk) = OnSmallDisk::loaded() else {
        return;
    };
    disk.remount(MsFlags::MS_RDONLY, None);
    let told = disk.refused(4);
    assert!(told.contains("Read-only file system"), "{told}");
    assert_told!(told);
    disk.remount(MsFlags::empty(), None);
    disk.project.ok(&RUN);
    assert_eq!(disk.project.sql(COUNT), "n\n3\n");
}

#[test]
fn a_warehouse_whose_file_may_only_be_read() {
    let Some(mut disk) = OnSmallDisk::loaded() else {
        return;
    };
    let file = disk.project.path("small/pageviews_postcode.duckdb");
    let flags = MsFlags::MS_BIND;
    mount(Some(&file), &file, None::<&str>, flags, None::<&str>).expect("a file over itself");
    disk.mounted.push(file.clone());
    let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(None::<&str>, &file, None::<&str>, flags, None::<&str>).expect("it is mounted");
    let told = disk.refused(4);
    assert!(told.contains("Read-only file system"), "{told}");
    assert_told!(told);
    disk.mounted.pop();
    umount(&file).expect("it is mounted");
    disk.project.ok(&RUN);
    assert_eq!(disk.project.sql(COUNT), "n\n3\n");
}

/// The run is told as failed, since the log is to be written into the file some day; but all that
/// it did is stored, is read by others, and is not done again.
#[test]
fn a_disk_that_is_full_at_the_checkpoint() {
    let Some(disk) = OnSmallDisk::loaded() else {
        return;
    };
    let undisturbed = flagship("path = \"pageviews_postcode.duckdb\"");
    undisturbed.ok(&RUN);
    undisturbed.write(NEXT_VIEWS, NEWS);
    undisturbed.ok(&RUN);
    let expected = tables(&undisturbed);

    let run = Stopped::at(&disk.project, "checkpointing", &RUN);
    disk.fill();
    let ran = run.go_on();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let told = told(&disk.project, &ran);
    assert!(
        told.contains("error: what was committed is stored"),
        "{told}"
    );
    assert!(told.contains("No space left on device"), "{told}");
    assert!(told.contains("hint: nothing is lost as long as"), "{told}");
    assert!(!told.contains("could not store"), "{told}");
    assert_told!(told);
    assert_eq!(tables(&disk.project), expected, "it is all in the log");
    // There is nothing to do for the next one but the same.
    let again = disk.refused(1);
    assert!(again.contains("pageviews_postcode: up to date"), "{again}");
    assert!(
        again.contains("error: what was committed is stored"),
        "{again}"
    );

    fs::remove_file(disk.project.path("small/filler")).expect("it is there");
    disk.project.ok(&RUN);
    assert_eq!(tables(&disk.project), expected);
    let log = disk.project.path("small/pageviews_postcode.duckdb.wal");
    assert!(!log.exists(), "it is written into the file");
}

/// An overlay is folded in part by part, each with a checkpoint of its own.
#[test]
fn a_disk_that_is_full_at_a_checkpoint_amid_a_step() {
    let Some(disk) = OnSmallDisk::new(16 << 10) else {
        return;
    };
    let undisturbed = flagship("path = \"pageviews_postcode.duckdb\"");
    for project in [&disk.project, &undisturbed] {
        let target = "target = \"pageviews_postcode\"";
        let merged = format!("{target}\nupdate_mode = \"merge-on-read\"");
        project.edit_manifest(target, &merged);
        project.ok(&RUN);
        project.write(NEXT_USERS, TEN_USERS.replace("1,AB1 2CD", "1,UV2 3WX"));
        project.ok(&RUN);
        project.edit_manifest("merge-on-read", "copy-on-write");
        let last = "extracts/users_extract_2019-10-13.csv";
        project.write(last, TEN_USERS.replace("1,AB1 2CD", "1,YZ3 4AB"));
    }
    undisturbed.ok(&RUN);

    let run = Stopped::at(&disk.project, "committed:updated_postcode_stg", &RUN);
    disk.fill();
    let ran = run.go_on();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let told = told(&disk.project, &ran);
    assert!(
        told.contains("error: what was committed is stored"),
        "{told}"
    );
    assert_told!(told);
    fs::remove_file(disk.project.path("small/filler")).expect("it is there");
    disk.project.ok(&RUN);
    assert_eq!(tables(&disk.project), tables(&undisturbed));
}

/// So many changes do not go through the log: DuckDB writes them into the file with the commit.
#[test]
fn a_disk_that_is_full_at_a_commit_of_many_changes() {
    const USERS_IN_ALL: u32 = 1_200_000;
    let Some(disk) = OnSmallDisk::new(64 << 10) else {
        return;
    };
    disk.project.write(USERS, users(USERS_IN_ALL, "AB"));
    disk.project.ok(&RUN);
    disk.project.write(NEXT_USERS, users(USERS_IN_ALL, "CD"));
    let before = disk.loads();
    let run = Stopped::at(&disk.project, "committing:current_postcode", &RUN);
    disk.fill();
    // Enough for the new rows, and not for all that has changed.
    disk.make_room(3_000);
    let ran = run.go_on();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let told = told(&disk.project, &ran);
    let error = "error: step `current_postcode` could not store its result";
    assert!(told.contains(error), "{told}");
    assert!(told.contains("No space left on device"), "{told}");
    assert!(told.contains("hint: if the disk"), "{told}");
    assert_eq!(disk.loads(), before, "it failed and changed something");
    fs::remove_file(disk.project.path("small/filler")).expect("it is there");
    disk.project.ok(&RUN);
    let versions = "select count(*) as n, count(valid_to) as closed from current_postcode_history";
    assert_eq!(disk.project.sql(versions), "n,closed\n2400000,1200000\n");
}

#[test]
fn a_disk_that_is_full_when_duckdb_spills() {
    let Some(disk) = OnSmallDisk::to_spill_to(64) else {
        return;
    };
    let place = "x".repeat(200);
    disk.project.write(USERS, users(150_000, &place));
    disk.project.ok(&RUN);
    disk.project
        .write(NEXT_USERS, users(150_000, &format!("y{place}")));
    let told = disk.refused(1);
    assert!(
        told.contains("step `current_postcode` could not store its result"),
        "{told}"
    );
    assert!(told.contains("hint: if the disk"), "{told}");
    assert!(
        told.contains("`temp_directory` under `[warehouse]`"),
        "{told}"
    );
    assert_told_but_for!(told, r"\d+(\.\d+)? (bytes|KiB)", "[SIZE]");
    disk.check_nothing_is_left();
    // With room, the next run takes it in.
    disk.remount(MsFlags::empty(), Some("size=1g"));
    disk.project.ok(&RUN);
    let moved = "select count(*) as n from current_postcode_history where valid_to is not null";
    assert_eq!(disk.project.sql(moved), "n\n150000\n");
    disk.check_nothing_is_left();
}

/// Others fill the disk that DuckDB spills to, between two steps.
#[test]
fn a_disk_that_is_full_when_duckdb_spills_what_it_reads() {
    let Some(disk) = OnSmallDisk::to_spill_to(96 << 10) else {
        return;
    };
    disk.project.write(USERS, users(800_000, "AB"));
    disk.project.ok(&RUN);
    disk.project.write(NEXT_USERS, users(800_000, "CD"));
    let run = Stopped::at(&disk.project, "started:updated_postcode_stg", &RUN);
    disk.fill();
    let ran = run.go_on();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let told = told(&disk.project, &ran);
    let error = "error: step `updated_postcode_stg` could not read the warehouse";
    assert!(told.contains(error), "{told}");
    assert!(told.contains("hint: if the disk"), "{told}");
    // DuckDB finds out before it writes, or when it does.
    let reason = r"(?s)(IO|Out of Memory) Error: .*?\n\nhint: ";
    assert_told_but_for!(told, reason, "[REASON]\n\nhint: ");
    // The step before it is stored, and nothing of this one.
    let loads = "select step, count(*) as loads from wigeon.ledger group by step order by step";
    assert_eq!(
        disk.project.sql(loads),
        "step,loads\ncurrent_postcode,2\npageviews_postcode,1\n"
    );
    fs::remove_file(disk.project.path("small/filler")).expect("it is there");
    disk.check_nothing_is_left();
    disk.project.ok(&RUN);
    let moved = "select count(*) as n from pageviews_postcode where current_postcode like 'CD%'";
    assert_eq!(disk.project.sql(moved), "n\n2\n");
    disk.check_nothing_is_left();
}
