//! Opening a warehouse, and what may stand in the way.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Command, Stdio},
};

use wigeon_warehouse::{OpenError, Settings, Warehouse};

use crate::support::{Context, batch, ints, settings, table};

/// Set for a copy of this program that holds a warehouse instead of testing.
const HOLD: &str = "WIGEON_TEST_HOLD";

#[test]
fn a_new_warehouse_has_its_tables() {
    let context = Context::new();
    assert_eq!(
        context
            .query("SELECT version FROM wigeon.meta UNION ALL SELECT count(*) FROM wigeon.ledger"),
        "0\n1"
    );
    assert_eq!(context.warehouse.tables().unwrap(), [""; 0]);
    assert_eq!(context.warehouse.path(), context.path("test.duckdb"));
}

#[test]
fn settings_reach_the_database() {
    let directory = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(&Settings {
        path: directory.path().join("it's.duckdb"),
        memory_limit_mib: 100,
        threads: Some(3),
        temp_directory: Some(directory.path().join("spill")),
    })
    .unwrap();
    let query = "SELECT name, value FROM duckdb_settings() WHERE name IN ('threads', 'memory_limit', 'TimeZone', \
                 'preserve_insertion_order', 'autoinstall_known_extensions', 'autoload_known_extensions', \
                 'lock_configuration')";
    assert_eq!(
        table(warehouse.query(query).unwrap()),
        "TimeZone | UTC\nautoinstall_known_extensions | false\nautoload_known_extensions | false\n\
             lock_configuration | true\nmemory_limit | 100.0 MiB\npreserve_insertion_order | false\n\
             threads | 3"
    );
    let spill = table(
        warehouse
            .query("SELECT current_setting('temp_directory')")
            .unwrap(),
    );
    let own = directory.path().join("spill/wigeon-spill-");
    assert!(spill.starts_with(&own.display().to_string()), "{spill}");
}

#[test]
fn a_warehouse_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(&directory.path().join("test.duckdb"));
    for _ in 0..2 {
        let warehouse = Warehouse::open(&settings).unwrap();
        assert_eq!(
            table(warehouse.query("SELECT * FROM wigeon.meta").unwrap()),
            "1"
        );
        // One that is open in this process is held, too.
        match Warehouse::open(&settings).unwrap_err() {
            OpenError::Held { pid, program, .. } => {
                assert_eq!(pid, Some(std::process::id()));
                assert!(program.is_some());
            }
            error => panic!("{error}"),
        }
    }
    let one = Warehouse::open_read_only(&settings).unwrap();
    let two = Warehouse::open_read_only(&settings).unwrap();
    assert_eq!(table(two.query("SELECT * FROM wigeon.meta").unwrap()), "1");
    assert!(one.query("CREATE TABLE t (i INTEGER)").is_err());
}

#[test]
fn what_is_no_warehouse_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| settings(&directory.path().join(name));
    assert!(matches!(
        Warehouse::open_read_only(&at("none.duckdb")).unwrap_err(),
        OpenError::Missing { .. }
    ));
    assert!(matches!(
        Warehouse::open(&at("none/x.duckdb")).unwrap_err(),
        OpenError::Missing { .. }
    ));
    fs_err::write(
        directory.path().join("text.duckdb"),
        "id,name\n1,x and so on\n",
    )
    .unwrap();
    for open in [Warehouse::open, Warehouse::open_read_only] {
        assert!(matches!(
            open(&at("text.duckdb")).unwrap_err(),
            OpenError::NotAWarehouse { .. }
        ));
    }
    assert!(matches!(
        Warehouse::open(&at(".")).unwrap_err(),
        OpenError::Unreadable { .. } | OpenError::Database { .. }
    ));

    // A database of somebody else's: no warehouse for reading, and one after writing.
    drop(Warehouse::open(&at("plain.duckdb")).unwrap());
    let other = Warehouse::open(&at("other.duckdb")).unwrap();
    let attach = format!(
        "ATTACH '{}' AS p",
        directory.path().join("plain.duckdb").display()
    );
    for statement in [
        attach.as_str(),
        "DROP SCHEMA p.wigeon CASCADE",
        "CREATE TABLE p.mine AS SELECT 42 AS i",
        "DETACH p",
    ] {
        other.query(statement).unwrap().for_each(drop);
    }
    let plain = at("plain.duckdb");
    assert!(matches!(
        Warehouse::open_read_only(&plain).unwrap_err(),
        OpenError::NotAWarehouse { .. }
    ));
    let warehouse = Warehouse::open(&plain).unwrap();
    assert_eq!(
        table(
            warehouse
                .query("SELECT i, version FROM mine, wigeon.meta")
                .unwrap()
        ),
        "42 | 1"
    );
}

#[test]
fn a_newer_warehouse_is_refused() {
    let context = Context::new();
    context.query("UPDATE wigeon.meta SET version = 2");
    let settings = settings(&context.path("test.duckdb"));
    drop(context.warehouse);
    for open in [Warehouse::open, Warehouse::open_read_only] {
        match open(&settings).unwrap_err() {
            OpenError::Newer {
                found, supported, ..
            } => assert_eq!((found, supported), (2, 1)),
            error => panic!("{error}"),
        }
    }
}

#[test]
fn the_process_that_holds_a_warehouse_is_named() {
    if let Some(path) = std::env::var_os(HOLD) {
        let (path, writing) = (
            std::path::PathBuf::from(path),
            std::env::var_os("WIGEON_TEST_READ").is_none(),
        );
        let settings = settings(&path);
        let open = if writing {
            Warehouse::open
        } else {
            Warehouse::open_read_only
        };
        let _warehouse = open(&settings).unwrap();
        println!("\nholding");
        std::io::stdin().lines().next();
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.duckdb");
    drop(Warehouse::open(&settings(&path)).unwrap());
    for writing in [true, false] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([
                "--exact",
                "opening::the_process_that_holds_a_warehouse_is_named",
                "--nocapture",
            ])
            .env(HOLD, &path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if !writing {
            command.env("WIGEON_TEST_READ", "1");
        }
        let mut holder = command.spawn().unwrap();
        let mut output = BufReader::new(holder.stdout.take().unwrap());
        assert!(
            output
                .by_ref()
                .lines()
                .any(|line| line.unwrap() == "holding")
        );
        let opened = [
            Warehouse::open(&settings(&path)),
            Warehouse::open_read_only(&settings(&path)),
        ];
        for (index, opened) in opened.into_iter().enumerate() {
            match opened {
                Err(OpenError::Held { pid, program, .. }) => {
                    assert!(writing || index == 0);
                    assert_eq!(pid, Some(holder.id()));
                    assert!(program.unwrap().starts_with("warehouse"));
                }
                Ok(_) => assert!(!writing && index == 1),
                Err(error) => panic!("{error}"),
            }
        }
        holder.stdin.take().unwrap().write_all(b"\n").unwrap();
        // It shall not find its output closed.
        output.lines().for_each(drop);
        holder.wait().unwrap();
    }
    Warehouse::open(&settings(&path)).unwrap();
}

#[test]
fn a_warehouse_is_found_whole_after_its_process_was_killed() {
    let context = Context::new();
    context.append("t", batch(&[("id", ints([1, 2]))]));
    let copy = context.path("copy.duckdb");
    // As if killed now: the file and the write-ahead log as they are.
    fs_err::copy(context.path("test.duckdb"), &copy).unwrap();
    fs_err::copy(
        context.path("test.duckdb.wal"),
        context.path("copy.duckdb.wal"),
    )
    .unwrap();
    let warehouse = Warehouse::open_read_only(&settings(&copy)).unwrap();
    assert_eq!(table(warehouse.query("SELECT * FROM t").unwrap()), "1\n2");
    drop(warehouse);
    let warehouse = Warehouse::open(&settings(&copy)).unwrap();
    warehouse.checkpoint().unwrap();
    assert!(!context.path("copy.duckdb.wal").exists());
    assert_eq!(table(warehouse.query("SELECT * FROM t").unwrap()), "1\n2");
}

#[test]
fn what_a_process_killed_while_making_a_warehouse_left_is_no_obstacle() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.duckdb");
    for (left, bytes) in [
        ("test.duckdb.new", "half a head"),
        ("test.duckdb.new.wal", "half a log"),
    ] {
        fs_err::write(directory.path().join(left), bytes).unwrap();
    }
    drop(Warehouse::open(&settings(&path)).unwrap());
    drop(Warehouse::open_read_only(&settings(&path)).unwrap());
    let names = fs_err::read_dir(directory.path()).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["test.duckdb"]);
}
