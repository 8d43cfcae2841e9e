//! Texts, times and file names of unusual shapes, through the whole program.

use std::io::Write as _;

use duckdb::Connection;
use flate2::{Compression, write::GzEncoder};
use fs_err as fs;
use wigeon_tests::{Project, workspace};

const EXTRACT: &str = "people/2024-01-01.csv";

/// The formats of files, each with the end of its names.
const FORMATS: [(&str, &str); 4] = [
    ("csv", "csv"),
    ("csv", "csv.gz"),
    ("ndjson", "ndjson"),
    ("parquet", "parquet"),
];

/// Ids that a floating-point number does not keep, and those at the ends.
const LARGE_IDS: [i64; 5] = [
    i64::MIN,
    -9_007_199_254_740_993,
    9_007_199_254_740_993,
    9_223_372_036_854_775_806,
    i64::MAX,
];

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

/// The same pipeline over files of another format, whose names end in a date.
fn project_over(format: &str, suffix: &str) -> Project {
    let project = project("utf8");
    project.edit_manifest("format = \"csv\"", &format!("format = \"{format}\""));
    project.edit_manifest("people/{date}.csv", &format!("people/*{{date}}.{suffix}"));
    project
}

/// The same pipeline over a table of a DuckDB file.
fn project_over_database(path: &str) -> Project {
    let project = project("utf8");
    project.edit_manifest(
        "format = \"csv\"\npath = \"people/{date}.csv\"",
        &format!("format = \"duckdb\"\npath = {path:?}\ntable = \"people\""),
    );
    project
}

/// Writes people who live in Ash, in the format that the end of the name tells.
fn write_people(project: &Project, file: &str, ids: &[i64]) {
    let lines = |line: fn(&i64) -> String| ids.iter().map(line).collect::<String>();
    let csv = || format!("id,street\n{}", lines(|id| format!("{id},Ash\n")));
    let (_, suffix) = file.rsplit_once('.').expect("an end");
    match suffix {
        "csv" => project.write(file, csv()),
        "gz" => {
            let mut encoder = GzEncoder::new(vec![], Compression::default());
            encoder.write_all(csv().as_bytes()).expect("memory");
            project.write(file, encoder.finish().expect("memory"));
        }
        "ndjson" => {
            let line = |id: &i64| format!("{{\"id\": {id}, \"street\": \"Ash\"}}\n");
            project.write(file, lines(line));
        }
        _ => {
            // Under a plain name first, for this is SQL.
            let (plain, path) = (project.path("plain"), project.path(file));
            let rows = lines(|id| format!("(cast('{id}' as bigint), 'Ash'), "));
            let rows = rows.trim_end_matches(", ");
            let people = format!("select * from (values {rows}) as people (id, street)");
            if suffix == "parquet" {
                let copy = format!("copy ({people}) to '{}' (format parquet)", plain.display());
                let connection = Connection::open_in_memory().expect("a database");
                connection.execute_batch(&copy).expect("a Parquet file");
            } else {
                let connection = Connection::open(&plain).expect("a database");
                let create = format!("create table people as {people}");
                connection.execute_batch(&create).expect("a table");
            }
            fs::create_dir_all(path.parent().expect("a directory")).expect("directories");
            fs::rename(plain, path).expect("a file in the project");
        }
    }
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
    for (format, suffix) in FORMATS {
        let project = project_over(format, suffix);
        for (name, id) in names.iter().zip(1..) {
            write_people(&project, &format!("people/{name}.{suffix}"), &[id]);
            project.ok(&["run", "--at", "2024-12-31"]);
            let open = project.sql("select id from residents");
            assert_eq!(open, format!("id\n{id}\n"), "{name}.{suffix}");
        }
        let versions = project.sql("select count(*) as versions from residents_history");
        assert_eq!(versions, "versions\n8\n", "{suffix}");
        let recorded = project.sql("select path from wigeon.input order by file_time");
        let expected: String = names
            .iter()
            .map(|name| {
                let path = format!("people/{name}.{suffix}");
                if path.contains([',', '"', '\n']) {
                    format!("\"{}\"\n", path.replace('"', "\"\""))
                } else {
                    format!("{path}\n")
                }
            })
            .collect();
        assert_eq!(recorded, format!("path\n{expected}"));
        assert!(!project.path("made").exists(), "{suffix}");
    }
}

/// So is the path of a DuckDB file, which is attached under it.
#[test]
fn paths_of_databases_are_names() {
    for name in [
        "a b",
        "it's \"so\"",
        "Straße-🦆",
        "' as other; drop table people; --",
        "[a]?",
        "$(touch made)`touch made` %s \\n",
    ] {
        let path = format!("people/{name}.duckdb");
        let project = project_over_database(&path);
        write_people(&project, &path, &[1]);
        project.ok(&["run", "--at", "2024-12-31"]);
        let people = project.sql("select id, street from residents");
        assert_eq!(people, "id,street\n1,Ash\n", "{name}");
        assert!(!project.path("made").exists(), "{name}");
    }
}

/// An id is never a floating-point number on its way, which would make one of two neighbours.
#[test]
fn large_ids_are_kept() {
    let files = FORMATS.map(|(format, suffix)| {
        let project = project_over(format, suffix);
        (project, format!("people/2024-01-01.{suffix}"))
    });
    let database = "people/2024-01-01.duckdb";
    let database = (project_over_database(database), database.to_owned());
    let ids = LARGE_IDS.map(|id| id.to_string()).join("\n");
    for (project, file) in files.into_iter().chain([database]) {
        write_people(&project, &file, &LARGE_IDS);
        project.ok(&["run", "--at", "2024-12-31"]);
        let kept = project.sql("select id from residents order by id");
        assert_eq!(kept, format!("id\n{ids}\n"), "{file}");
    }
}
