//! A disk that is full, or may not be written to.
//!
//! The tests mount small file systems in memory, which takes a superuser; without the right to do
//! so they are skipped, and say it.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use fs_err as fs;
use nix::mount::{MsFlags, mount, umount};
use wigeon_tests::{Project, Ran};

use crate::support::{AT, NEXT_VIEWS, TEN_USERS, USERS, VIEWS, assert_told, told};

const RUN: [&str; 3] = ["run", "--at", AT];
const COUNT: &str = "select count(*) as n from pageviews_postcode";
const NEWS: &str = "user_id,url,pageview_datetime\n1,https://example.com/c,2019-10-11 02:00:00\n";

/// The flagship with its warehouse in a small file system of its own, which is gone with it.
struct OnSmallDisk {
    mounted: Vec<PathBuf>,
    project: Project,
}

impl OnSmallDisk {
    /// Mounts so many KiB, or says why the test is skipped.
    fn new(kib: u32) -> Option<Self> {
        let project = Project::flagship();
        project.edit_manifest(
            "path = \"pageviews_postcode.duckdb\"",
            "path = \"small/pageviews_postcode.duckdb\"\nthreads = 1",
        );
        project.write(USERS, TEN_USERS);
        project.write(
            VIEWS,
            "user_id,url,pageview_datetime\n1,https://example.com/a,2019-10-11 01:05:00\n\
             2,https://example.com/b,2019-10-11 01:25:00\n",
        );
        let small = project.path("small");
        fs::create_dir(&small).expect("a new directory");
        let size = format!("size={kib}k");
        let flags = MsFlags::empty();
        if let Err(error) = mount(Some("tmpfs"), &small, Some("tmpfs"), flags, Some(&*size)) {
            writeln!(
                io::stderr(),
                "skipped: nothing can be mounted here: {error}"
            )
            .expect("standard error can be written to");
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

    /// Runs, which must fail and change nothing, and returns what was said.
    fn refused(&self, code: i32) -> String {
        let before = self.loads();
        let ran: Ran = self.project.run(&RUN);
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        assert_eq!(self.loads(), before, "it failed and changed something");
        told(&self.project, &ran)
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
