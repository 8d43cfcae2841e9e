//! Files that are missing, or are not what the manifest declares.

use std::{
    io::Write as _,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use serde_json::Value;
use wigeon_tests::Project;

use crate::support::{
    AT, NEXT_USERS, NEXT_VIEWS, TEN_USERS, assert_run_refused, assert_told, gzip, loaded, refused,
    run, told,
};

#[test]
fn no_file_at_all() {
    assert_run_refused!(Project::flagship());
}

#[test]
fn a_file_without_a_declared_column() {
    let project = loaded();
    project.write(NEXT_USERS, "id\n1\n2\n");
    assert_run_refused!(project);
}

#[test]
fn a_file_with_a_column_that_is_not_declared() {
    let project = loaded();
    project.write(NEXT_USERS, "id,postcode,email\n1,AB1 2CD,a@example.com\n");
    assert_run_refused!(project);
}

#[test]
fn a_file_with_a_column_of_another_name() {
    let project = loaded();
    project.write(
        NEXT_VIEWS,
        "user_id,url,viewed_at\n1,https://example.com/c,2019-10-11 02:00:00\n",
    );
    assert_run_refused!(project);
}

#[test]
fn a_file_without_a_header() {
    let project = loaded();
    project.write(NEXT_USERS, TEN_USERS.trim_start_matches("id,postcode\n"));
    assert_run_refused!(project);
}

#[test]
fn a_user_id_that_is_no_number() {
    let project = loaded();
    project.write(
        NEXT_USERS,
        "id,postcode\n1,AB1 2CD\ntwo,AB1 2CD\n3,EF3 4GH\n",
    );
    assert_run_refused!(project);
}

#[test]
fn a_time_that_is_none() {
    let project = loaded();
    project.write(
        NEXT_VIEWS,
        "user_id,url,pageview_datetime\n1,https://example.com/c,2019-10-11 02:00:00\n\
         2,https://example.com/d,2019-10-11 02:61:00\n",
    );
    assert_run_refused!(project);
}

#[test]
fn a_time_with_a_time_zone() {
    let project = loaded();
    project.write(
        NEXT_VIEWS,
        "user_id,url,pageview_datetime\n1,https://example.com/c,2019-10-11 02:00:00+01:00\n",
    );
    assert_run_refused!(project);
}

#[test]
fn a_user_id_that_is_no_whole_number() {
    let project = loaded();
    project.write(NEXT_USERS, "id,postcode\n1.5,AB1 2CD\n");
    assert_run_refused!(project);
}

#[test]
fn a_line_with_too_many_values() {
    let project = loaded();
    project.write(NEXT_USERS, "id,postcode\n1,AB1 2CD\n2,AB1,2CD\n");
    assert_run_refused!(project);
}

#[test]
fn a_line_with_too_few_values() {
    let project = loaded();
    project.write(
        NEXT_VIEWS,
        "user_id,url,pageview_datetime\n1,https://example.com/c\n",
    );
    assert_run_refused!(project);
}

#[test]
fn a_quote_that_is_never_closed() {
    let project = loaded();
    project.write(
        NEXT_USERS,
        "id,postcode\n1,AB1 2CD\n2,\"AB1 2CD\n3,EF3 4GH\n",
    );
    assert_run_refused!(project);
}

#[test]
fn bytes_that_are_no_text() {
    let project = loaded();
    project.write(NEXT_USERS, b"id,postcode\n1,AB1 2CD\n2,\xff\xfe\n");
    assert_run_refused!(project);
}

#[test]
fn a_file_whose_last_time_is_cut_off() {
    let project = loaded();
    // A time without its seconds is a time.
    project.write(
        NEXT_VIEWS,
        "user_id,url,pageview_datetime\n1,https://example.com/c,2019-10-11 02:00:00\n\
         2,https://example.com/d,2019-10-11 02:31",
    );
    assert_run_refused!(project);
    project.edit_manifest(
        "path = \"extracts/pageview_extract_{date}T{hour}.csv\"",
        "path = \"extracts/pageview_extract_{date}T{hour}.csv\"\nmissing_line_end = \"accept\"",
    );
    project.ok(&["run", "--at", AT]);
    let rows = project.sql("select count(*) from pageviews_postcode");
    assert!(rows.contains('4'), "{rows}");
}

#[test]
fn a_gzip_whose_last_line_is_cut_off() {
    let project = gzipped();
    project.write(
        "extracts/users_extract_2019-10-12.csv.gz",
        gzip(TEN_USERS.trim_end()),
    );
    assert_run_refused!(project);
}

#[test]
fn a_file_that_is_still_being_written() {
    let project = loaded();
    let view = "1,https://example.com/c,2019-10-11 02:00:00\n";
    project.write(
        NEXT_VIEWS,
        format!("user_id,url,pageview_datetime\n{}", view.repeat(200_000)),
    );
    let done = AtomicBool::new(false);
    let told = thread::scope(|scope| {
        scope.spawn(|| {
            let path = project.path(NEXT_VIEWS);
            let mut file = fs_err::OpenOptions::new()
                .append(true)
                .open(path)
                .expect("the file");
            // Not for ever, should the assertions fail.
            for _ in 0..60_000 {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                file.write_all(view.as_bytes()).expect("room");
                thread::sleep(Duration::from_millis(1));
            }
        });
        let told = refused(&project, &["run", "--at", AT]);
        done.store(true, Ordering::Relaxed);
        told
    });
    assert_told!(told);
    // Once it is complete, it is loaded.
    run(&project);
}

#[test]
fn columns_that_are_not_declared_can_be_ignored() {
    let project = loaded();
    project.edit_manifest(
        "path = \"extracts/users_extract_{date}.csv\"",
        "path = \"extracts/users_extract_{date}.csv\"\nextra_columns = \"ignore\"",
    );
    let users = TEN_USERS
        .replace('\n', ",\n")
        .replacen("postcode,", "postcode,email", 1)
        .replace("1,AB1 2CD,", "1,AB1 9ZZ,a@example.com");
    project.write(NEXT_USERS, users);
    run(&project);
    let moved = project.sql("select postcode from current_postcode where id = 1");
    assert!(moved.contains("AB1 9ZZ"), "{moved}");
}

#[test]
fn users_in_a_gzip_that_is_cut_off() {
    let project = gzipped();
    let bytes = gzip(TEN_USERS);
    project.write(
        "extracts/users_extract_2019-10-12.csv.gz",
        &bytes[..bytes.len() - 12],
    );
    assert_run_refused!(project);
}

#[test]
fn views_in_a_gzip_that_is_cut_off() {
    let project = gzipped();
    let bytes =
        gzip("user_id,url,pageview_datetime\n1,https://example.com/c,2019-10-11 02:00:00\n");
    project.write(
        "extracts/pageview_extract_2019-10-11T02.csv.gz",
        &bytes[..bytes.len() / 2],
    );
    assert_run_refused!(project);
}

#[test]
fn a_gzip_that_is_plain_text() {
    let project = gzipped();
    project.write("extracts/users_extract_2019-10-12.csv.gz", TEN_USERS);
    assert_run_refused!(project);
}

/// Whatever is behind the extension, plain or compressed.
fn gzipped() -> Project {
    let project = loaded();
    for source in ["users_extract_{date}", "pageview_extract_{date}T{hour}"] {
        project.edit_manifest(&format!("{source}.csv"), &format!("{source}.csv*"));
    }
    project
}

#[test]
fn a_file_that_was_edited_after_it_was_loaded() {
    let project = loaded();
    project.write(crate::support::VIEWS, "user_id,url,pageview_datetime\n");
    assert_run_refused!(project);
}

#[test]
fn a_file_whose_name_has_no_valid_time() {
    let project = loaded();
    project.write("extracts/users_extract_2019-10-32.csv", TEN_USERS);
    assert_run_refused!(project);
}

const TWO_BAD_LINES: &str = "user_id,url,pageview_datetime\nnobody,https://example.com/c,2019-10-11 02:00:00\n\
                             1,https://example.com/d,2019-10-11 02:01:00\n2,https://example.com/e,soon\n";

#[test]
fn malformed_rows_that_are_allowed_go_to_quarantine() {
    let project = allowing(2);
    project.write(NEXT_VIEWS, TWO_BAD_LINES);
    let ran = project.run(&["run", "--at", AT]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let status = project.ok(&["status", "--format", "json"]);
    let status: Value = serde_json::from_str(&status).expect("JSON");
    let steps = status["steps"].as_array().expect("steps");
    let step = steps
        .iter()
        .find(|step| step["step"] == "pageviews_postcode");
    assert_eq!(step.expect("the step")["rows_rejected"], 2, "{status}");
    let rows = project.sql("select * exclude load_id from wigeon.quarantine order by all");
    let loaded = project.sql("select * from pageviews_postcode order by all");
    let text = format!(
        "{}----- quarantine -----\n{rows}----- pageviews_postcode -----\n{loaded}",
        told(&project, &ran)
    );
    assert_told!(text);
}

#[test]
fn the_table_of_status_counts_rows_in_quarantine() {
    let project = allowing(2);
    project.write(NEXT_VIEWS, TWO_BAD_LINES);
    run(&project);
    let status = project.run(&["status", "--at", AT]);
    assert_eq!(status.code, Some(0), "{}", status.stderr);
    let table = &status.stdout;
    let head = cells(table, "step ");
    let rejected = head.iter().position(|cell| *cell == "rejected");
    let rejected = rejected.expect("the column is there");
    assert_eq!(cells(table, "pageviews_postcode  ")[rejected], "2");
    assert_eq!(cells(table, "current_postcode  ")[rejected], "0");
    assert_told!(told(&project, &status));
}

/// The line of a table that begins so, cell by cell.
fn cells<'a>(table: &'a str, begin: &str) -> Vec<&'a str> {
    let mut lines = table.lines();
    let line = lines.find(|line| line.trim_start().starts_with(begin));
    let line = line.expect("a line of the table");
    line.split('│').map(str::trim).collect()
}

#[test]
fn one_malformed_row_more_than_is_allowed() {
    let project = allowing(1);
    project.write(NEXT_VIEWS, TWO_BAD_LINES);
    assert_run_refused!(project);
}

fn allowing(rows: u32) -> Project {
    let project = loaded();
    let lookup = "lookup = \"current_postcode\"";
    project.edit_manifest(lookup, &format!("{lookup}\nmax_rejected_rows = {rows}"));
    project
}

/// The ledger has names as text: this one it could not tell from others.
#[cfg(target_os = "linux")]
#[test]
fn a_file_whose_name_is_no_utf_8() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

    let project = loaded();
    let name = OsStr::from_bytes(b"pageview_extract_2019-10-11T\xff.csv");
    fs_err::write(project.path("extracts").join(name), "").expect("a file");
    assert_run_refused!(project);
    // One that nobody reads may be called anything.
    let other = project
        .path("extracts")
        .join(OsStr::from_bytes(b"\xff.csv"));
    fs_err::rename(project.path("extracts").join(name), other).expect("another name");
    run(&project);
}
