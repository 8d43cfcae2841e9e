//! Texts, times and file names of unusual shapes, through the whole program.

use fs_err as fs;
use wigeon_tests::{Project, workspace};

const EXTRACT: &str = "people/2024-01-01.csv";

/// The pipeline of the histories, whose `street` is of this type.
fn project(street: &str) -> Project {
    let manifest = workspace().join("tests/pipelines/histories/pipeline.toml");
    let project = Project::new(&fs::read_to_string(manifest).expect("the manifest"));
    project.edit_manifest("street = \"utf8\"", &format!("street = \"{street}\""));
    project
}

/// Loads one extract and returns what `columns` of the history are then.
fn loaded(street: &str, extract: impl AsRef<[u8]>, columns: &str) -> String {
    let project = project(street);
    project.write(EXTRACT, extract);
    project.ok(&["run", "--at", "2024-12-31"]);
    let rows = project.sql(&format!(
        "select {columns} from residents_history order by id"
    ));
    let (_, rows) = rows.split_once('\n').expect("a header");
    rows.to_owned()
}

/// Runs over one extract, which must fail, and returns what is said.
fn refused(street: &str, extract: impl AsRef<[u8]>) -> String {
    let project = project(street);
    project.write(EXTRACT, extract);
    let ran = project.run(&["run", "--at", "2024-12-31"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    ran.stderr
}

#[test]
fn marks_line_ends_and_quotes_are_read_as_written() {
    for (extract, expected) in [
        // A byte order mark is no part of the first name.
        ("\u{feff}id,street\n1,Ash\n", "1,Ash\n"),
        ("id,street\r\n1,Ash\r\n2,\r\n", "1,Ash\n2,\n"),
        // Line ends within quotes are kept as they are, whatever those of the file.
        (
            "\u{feff}\"id\",\"street\"\r\n1,\"a\r\nb\"\r\n2,\"a\nb\"\r\n",
            "1,\"a\r\nb\"\n2,\"a\nb\"\n",
        ),
        (
            "id,street\n1,\"a,\"\"b\"\"\nc\"\n2,\"a\rb\"\n",
            "1,\"a,\"\"b\"\"\nc\"\n2,\"a\rb\"\n",
        ),
        (
            "id,street\n1,Straße 🦆\n2,e\u{301}\n",
            "1,Straße 🦆\n2,e\u{301}\n",
        ),
    ] {
        assert_eq!(
            loaded("utf8", extract, "id, street"),
            expected,
            "{extract:?}"
        );
    }
}

/// A null byte is a character like any other: nothing behind it is lost.
#[test]
fn null_bytes_end_nothing() {
    assert_eq!(
        loaded(
            "utf8",
            "id,street\n1,a\0b\n2,\"\0\"\n",
            "id, length(street), street = 'a' || chr(0) || 'b'"
        ),
        "1,3,true\n2,1,false\n"
    );
}

#[test]
fn a_field_may_have_a_megabyte_and_a_line_not_three() {
    let (plain, quoted) = ("x".repeat(1_000_000), "y\"\",".repeat(250_000));
    let extract = format!("id,street\n1,{plain}\n2,\"{quoted}\"\n");
    assert_eq!(
        loaded("utf8", extract, "id, length(street)"),
        "1,1000000\n2,750000\n"
    );
    let told = refused("utf8", format!("id,street\n1,{}\n", "x".repeat(3_000_000)));
    let message =
        "line 2 of `people/2024-01-01.csv` is malformed: it is longer than 2,000,000 bytes";
    assert!(told.contains(message), "{told}");
    assert!(told.len() < 1_000, "the line is not printed whole: {told}");
}

/// Times before 1970 are times, and what is finer than a microsecond is not cut off.
#[test]
fn times_are_kept_to_the_microsecond() {
    for (data_type, time, expected) in [
        (
            "timestamp",
            "1969-12-31 23:59:59.999999",
            "1969-12-31 23:59:59.999999",
        ),
        ("timestamp", "1969-12-31T23:59:59", "1969-12-31 23:59:59"),
        ("timestamp", "0001-01-01 00:00:00", "0001-01-01 00:00:00"),
        ("timestamp", "9999-12-31 23:59:59", "9999-12-31 23:59:59"),
        (
            "timestamp",
            "2024-01-01 12:00:00.123456000",
            "2024-01-01 12:00:00.123456",
        ),
        (
            "timestamp_tz",
            "1969-12-31 23:59:59.999999+00:00",
            "1969-12-31 23:59:59.999999+00:00",
        ),
        (
            "timestamp_tz",
            "2024-01-01 12:00:00.123456000+02:00",
            "2024-01-01 10:00:00.123456+00:00",
        ),
        (
            "timestamp_tz",
            "2024-01-01T12:00:00-05:30",
            "2024-01-01 17:30:00+00:00",
        ),
        (
            "timestamp_tz",
            "2024-01-01T12:00:00Z",
            "2024-01-01 12:00:00+00:00",
        ),
    ] {
        let rows = loaded(data_type, format!("id,street\n1,{time}\n"), "street");
        assert_eq!(rows, format!("{expected}\n"), "{time}");
    }
    for (data_type, time) in [
        ("timestamp", "2024-01-01 12:00:00.123456789"),
        ("timestamp", "1969-12-31 23:59:59.9999999"),
        ("timestamp_tz", "2024-01-01 12:00:00.123456789+02:00"),
    ] {
        let told = refused(data_type, format!("id,street\n1,{time}\n"));
        let message = "line 2 of `people/2024-01-01.csv` would be changed in column `street`: \
                       the value is finer than a microsecond";
        assert!(told.contains(message), "{told}");
    }
    let told = refused("timestamp", "id,street\n1,2024-02-30 00:00:00\n");
    let message = "line 2 of `people/2024-01-01.csv` is malformed in column `street`";
    assert!(told.contains(message), "{told}");
}

/// A file name is a name: it is matched, read and recorded as it is, and never run.
#[test]
fn file_names_are_names() {
    let names = [
        "a b 2024-01-01",
        "it's \"so\" 2024-01-02",
        "Straße-🦆-2024-01-03",
        "'); drop table residents_history; --2024-01-04",
        "'], columns = {'x': 'INT'}) --2024-01-05",
        "[a]?{b}*2024-01-06",
        "line\nend 2024-01-07",
        "$(touch made)`touch made` %s \\n 2024-01-08",
    ];
    let project = project("utf8");
    project.edit_manifest("people/{date}.csv", "people/*{date}.csv");
    for (name, id) in names.iter().zip(1..) {
        project.write(
            &format!("people/{name}.csv"),
            format!("id,street\n{id},Ash\n"),
        );
        project.ok(&["run", "--at", "2024-12-31"]);
        let open = project.sql("select id from residents");
        assert_eq!(open, format!("id\n{id}\n"), "{name}");
    }
    let versions = project.sql("select count(*) as versions from residents_history");
    assert_eq!(versions, "versions\n8\n");
    let recorded = project.sql("select path from wigeon.input order by file_time");
    let expected: String = names
        .iter()
        .map(|name| {
            let path = format!("people/{name}.csv");
            if path.contains([',', '"', '\n']) {
                format!("\"{}\"\n", path.replace('"', "\"\""))
            } else {
                format!("{path}\n")
            }
        })
        .collect();
    assert_eq!(recorded, format!("path\n{expected}"));
    assert!(!project.path("made").exists());
}
