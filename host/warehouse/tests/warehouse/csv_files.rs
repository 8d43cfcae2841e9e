//! CSV files as a whole: their ends, their compression, their size, and changes meanwhile.

use std::{fmt::Write as _, io::Write as _};

use wigeon_warehouse::{FileSource, ReadError, digest_file};

use crate::{
    csv::users,
    support::{Context, gzip, table},
};

pub(crate) fn rows(count: u64, row: impl Fn(u64) -> String) -> String {
    (0..count).map(row).collect()
}

/// Rows of many sizes, with line feeds in quotes that look like rows.
pub(crate) fn tricky(rows: u64) -> String {
    let mut text = "id,name,n\n".to_owned();
    for id in 0..rows {
        let name = match id % 5 {
            0 => "\"1,x,5\n2,y,6\n3,z,7\"".to_owned(),
            1 => format!("\"say \"\"{id}\"\"\n\"\"\n\""),
            2 => format!("\"{}\n\"", ",\n".repeat(usize::try_from(id % 97).unwrap())),
            _ => format!("name{id}"),
        };
        writeln!(text, "{id},{name},{}", id % 7).unwrap();
    }
    text
}

#[test]
fn a_last_line_without_its_end_is_refused_unless_accepted() {
    let context = Context::new();
    let rows: String = rows(200_000, |id| format!("{id},name of {id},{}\n", id % 7));
    let text = format!("id,name,n\n{rows}200000,last,1");
    context.write("a.csv", &text);
    context.write("b.csv.gz", gzip(&text));
    let mut accepting = users();
    accepting.accept_missing_line_end = true;
    for name in ["a.csv", "b.csv.gz"] {
        let error = context.read(&users(), name, 0).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "line 200002 of `{name}`, its last, has no line end and may be cut off\n200000,last,1"
            )
        );
        let mut files = context.files(name);
        files[0].take_digest(&users(), true).unwrap();
        let read = |source: &FileSource| context.warehouse.read_files(source, &files, &[0], 0);
        assert!(matches!(
            read(&users()),
            Err(ReadError::MissingLineEnd { line: 200_002, .. })
        ));
        assert_eq!(table(read(&accepting).unwrap()).lines().count(), 200_001);
    }
    context.write("c.csv", "id,name,n");
    assert!(matches!(
        context.read(&users(), "c.csv", 0),
        Err(ReadError::MissingLineEnd { line: 1, raw, .. }) if raw == "id,name,n"
    ));
    // The line end may be the one that is cut.
    context.write("c.csv", "id,name,n\r\n1,x,5\r");
    assert!(matches!(
        context.read(&users(), "c.csv", 0),
        Err(ReadError::MissingLineEnd { line: 2, raw, .. }) if raw == "1,x,5"
    ));
}

#[test]
fn compressed_files_are_read_and_checked() {
    let context = Context::new();
    let rows: String = rows(200_000, |id| format!("{id},name of {id},{}\n", id % 7));
    let text = format!("id,name,n\n{rows}");
    context.write("a.csv.gz", gzip(&text));
    let mut two = gzip("id,name,n\n1,x,5\n");
    two.extend(gzip("2,y,6\n"));
    context.write("b.csv.gz", two);
    let files = context.files("*.gz");
    let stream = context
        .warehouse
        .read_files(&users(), &files, &[0], 0)
        .unwrap();
    assert_eq!(
        stream.map(|batch| batch.unwrap().num_rows()).sum::<usize>(),
        200_002
    );
    for mut file in files {
        let digest = digest_file(&file.absolute).unwrap();
        file.take_digest(&users(), true).unwrap();
        assert_eq!(file.digest.as_ref(), Some(&digest));
        let bytes = fs_err::read(&file.absolute).unwrap();
        assert_eq!(digest, format!("blake3:{}", blake3::hash(&bytes).to_hex()));
    }

    let whole = gzip(&text);
    for damaged in [
        whole[..whole.len() / 2].to_vec(),
        whole[..whole.len() - 3].to_vec(),
        Vec::new(),
        text.into(),
    ] {
        context.write("c.csv.gz", damaged);
        let error = digest_file(&context.path("c.csv.gz")).unwrap_err();
        assert!(matches!(error, ReadError::Truncated { .. }), "{error}");
    }
    context.write("d.csv.gz", gzip("id,name,n\n1,x,5\n2,y\n"));
    let error = context.read(&users(), "d.csv.gz", 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 3 of `d.csv.gz` is malformed in column `n`: it has too few fields\n2,y"
    );
}

#[test]
fn files_that_changed_are_refused() {
    let context = Context::new();
    context.write("a.csv", "id,name,n\n1,x,5\n");
    let files = context.files("a.csv");
    context.write("a.csv", "id,name,n\n1,x,5\n2,y,6\n");
    let read = |files| context.warehouse.read_files(&users(), files, &[0], 0);
    assert!(matches!(read(&files).unwrap_err(), ReadError::Changed { path } if path == "a.csv"));
    fs_err::remove_file(context.path("a.csv")).unwrap();
    assert!(matches!(read(&files).unwrap_err(), ReadError::Vanished { path } if path == "a.csv"));

    let rows: String = rows(500_000, |id| format!("{id},x,1\n"));
    context.write("b.csv", format!("id,name,n\n{rows}"));
    let files = context.files("b.csv");
    let stream = read(&files).unwrap();
    fs_err::OpenOptions::new()
        .append(true)
        .open(context.path("b.csv"))
        .and_then(|mut file| file.write_all(b"500000,x,1\n"))
        .unwrap();
    let last = stream.last().unwrap();
    assert!(matches!(last.unwrap_err(), ReadError::Changed { path } if path == "b.csv"));
}

#[test]
fn large_files_with_quoted_line_feeds_are_read_right() {
    let context = Context::new();
    let rows = 1_300_000;
    context.write("a.csv", tricky(rows));
    assert!(context.files("a.csv")[0].size_bytes > 30_000_000);
    context.append_files_to("t", &users(), "a.csv");
    assert_eq!(
        context.query("SELECT count(*), count(DISTINCT id), min(id), max(id), sum(n) FROM t"),
        format!(
            "{rows} | {rows} | 0 | {} | {}",
            rows - 1,
            (0..rows).map(|id| id % 7).sum::<u64>()
        )
    );
}

#[test]
fn dropping_a_stream_stops_the_reading() {
    let context = Context::new();
    let rows = "1,some name that takes space,2\n".repeat(3_000_000);
    context.write("a.csv", format!("id,name,n\n{rows}"));
    let files = context.files("a.csv");
    let mut stream = context
        .warehouse
        .read_files(&users(), &files, &[0, 1], 0)
        .unwrap();
    assert!(stream.next().unwrap().is_ok());
    drop(stream);
}

#[test]
fn streams_read_while_others_do() {
    let context = Context::new();
    context.write("a.csv", tricky(20_000));
    let files = context.files("a.csv");
    let streams: Vec<_> = (0..6)
        .map(|limit| {
            context
                .warehouse
                .read_files(&users(), &files, &[0], limit)
                .unwrap()
        })
        .collect();
    for stream in streams {
        assert_eq!(table(stream).lines().count(), 20_000);
    }
}
