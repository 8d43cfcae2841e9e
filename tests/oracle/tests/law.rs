//! The law, clause by clause, on cases worked out by hand.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;
use wigeon_oracle::{BeforeFirst, history, pageviews, pageviews_with};

/// A directory of extracts, written line by line.
struct Extracts {
    directory: TempDir,
    users: Vec<PathBuf>,
    views: Vec<PathBuf>,
}

impl Extracts {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().expect("a directory for the test"),
            users: Vec::new(),
            views: Vec::new(),
        }
    }

    fn users(mut self, date: &str, rows: &[&str]) -> Self {
        let name = format!("users_extract_{date}.csv");
        let path = write(self.directory.path(), &name, "id,postcode", rows);
        self.users.push(path);
        self
    }

    fn views(mut self, hour: &str, rows: &[&str]) -> Self {
        let name = format!("pageview_extract_{hour}.csv");
        let header = "user_id,url,pageview_datetime";
        let path = write(self.directory.path(), &name, header, rows);
        self.views.push(path);
        self
    }

    fn pageviews(&self) -> Vec<String> {
        text(&pageviews(&self.users, &self.views))
    }

    fn pageviews_or_null_before(&self) -> Vec<String> {
        text(&pageviews_with(&self.users, &self.views, BeforeFirst::Null))
    }

    fn history(&self) -> Vec<String> {
        text(&history(&self.users))
    }
}

fn write(directory: &Path, name: &str, header: &str, rows: &[&str]) -> PathBuf {
    let path = directory.join(name);
    fs_err::write(&path, format!("{header}\n{}\n", rows.join("\n")))
        .expect("the directory takes files");
    path
}

fn text<R: ToString>(rows: &[R]) -> Vec<String> {
    rows.iter().map(ToString::to_string).collect()
}

#[test]
fn example_of_the_design() {
    let extracts = Extracts::new()
        .users("2019-10-11", &["1234,SW19"])
        .users("2019-10-19", &["1234,SW19"])
        .users("2019-10-20", &["1234,SW20"])
        .views("2019-10-11T14", &["1234,https://a/,2019-10-11 14:55:23"]);
    assert_eq!(
        extracts.pageviews(),
        ["1234,2019-10-11 14:55:23,SW19,SW20,2019-10-20 00:00:00"]
    );
}

#[test]
fn as_was_is_the_last_version_from_then_or_before() {
    let extracts = Extracts::new()
        .users("2020-01-01", &["1,A"])
        .users("2020-01-02", &["1,B"])
        .users("2020-01-03", &["1,C"])
        .views(
            "2020-01-03T10",
            &[
                "1,u,2020-01-01 12:00:00",
                "1,u,2020-01-01 23:59:59",
                "1,u,2020-01-02 00:00:00",
                "1,u,2020-01-02 23:59:59",
                "1,u,2020-01-03 00:00:00",
            ],
        );
    assert_eq!(
        extracts.pageviews(),
        [
            "1,2020-01-01 12:00:00,A,C,2020-01-03 00:00:00",
            "1,2020-01-01 23:59:59,A,C,2020-01-03 00:00:00",
            "1,2020-01-02 00:00:00,B,C,2020-01-03 00:00:00",
            "1,2020-01-02 23:59:59,B,C,2020-01-03 00:00:00",
            "1,2020-01-03 00:00:00,C,C,",
        ]
    );
}

#[test]
fn view_from_before_the_first_version_reads_the_first() {
    let extracts = Extracts::new()
        .users("2020-01-02", &["1,A", "2,A"])
        .users("2020-01-03", &["1,A", "2,B"])
        .views(
            "2020-01-01T10",
            &["1,u,2020-01-01 10:00:00", "2,u,2020-01-01 10:00:00"],
        );
    assert_eq!(
        extracts.pageviews(),
        [
            "1,2020-01-01 10:00:00,A,A,",
            "2,2020-01-01 10:00:00,A,B,2020-01-03 00:00:00",
        ]
    );
}

#[test]
fn view_from_before_the_first_version_reads_null_when_asked() {
    let extracts = Extracts::new().users("2020-01-02", &["1,A"]).views(
        "2020-01-01T10",
        &["1,u,2020-01-01 10:00:00", "1,u,2020-01-02 10:00:00"],
    );
    assert_eq!(
        extracts.pageviews_or_null_before(),
        [
            "1,2020-01-01 10:00:00,,A,2020-01-02 00:00:00",
            "1,2020-01-02 10:00:00,A,A,",
        ]
    );
}

#[test]
fn as_is_of_a_deleted_user_is_the_last_known_value() {
    let extracts = Extracts::new()
        .users("2020-01-01", &["1,A", "2,X"])
        .users("2020-01-02", &["1,B", "2,X"])
        .users("2020-01-03", &["2,X"])
        .views(
            "2020-01-03T10",
            &["1,u,2020-01-01 10:00:00", "1,u,2020-01-03 10:00:00"],
        );
    assert_eq!(
        extracts.pageviews(),
        [
            "1,2020-01-01 10:00:00,A,B,2020-01-02 00:00:00",
            "1,2020-01-03 10:00:00,B,B,",
        ]
    );
}

#[test]
fn moving_away_and_back_is_a_later_version_of_the_same_value() {
    let extracts = Extracts::new()
        .users("2020-01-01", &["1,A"])
        .users("2020-01-02", &["1,B"])
        .users("2020-01-03", &["1,A"])
        .views(
            "2020-01-03T10",
            &[
                "1,u,2020-01-01 10:00:00",
                "1,u,2020-01-02 10:00:00",
                "1,u,2020-01-03 10:00:00",
            ],
        );
    assert_eq!(
        extracts.pageviews(),
        [
            "1,2020-01-01 10:00:00,A,A,2020-01-03 00:00:00",
            "1,2020-01-02 10:00:00,B,A,2020-01-03 00:00:00",
            "1,2020-01-03 10:00:00,A,A,",
        ]
    );
}

#[test]
fn returning_unchanged_is_no_move_but_a_new_row_of_the_history() {
    let extracts = Extracts::new()
        .users("2020-01-01", &["1,A", "2,X"])
        .users("2020-01-02", &["2,X"])
        .users("2020-01-04", &["1,A", "2,X"])
        .views(
            "2020-01-04T10",
            &[
                "1,u,2020-01-01 10:00:00",
                "1,u,2020-01-02 10:00:00",
                "1,u,2020-01-04 10:00:00",
            ],
        );
    assert_eq!(
        extracts.pageviews(),
        [
            "1,2020-01-01 10:00:00,A,A,",
            "1,2020-01-02 10:00:00,A,A,",
            "1,2020-01-04 10:00:00,A,A,",
        ]
    );
    assert_eq!(
        extracts.history(),
        [
            "1,A,2020-01-01 00:00:00,2020-01-02 00:00:00",
            "1,A,2020-01-04 00:00:00,",
            "2,X,2020-01-01 00:00:00,",
        ]
    );
}

#[test]
fn returning_changed_is_a_move_on_the_day_of_return() {
    let extracts = Extracts::new()
        .users("2020-01-01", &["1,A", "2,X"])
        .users("2020-01-02", &["2,X"])
        .users("2020-01-04", &["1,B", "2,X"])
        .views(
            "2020-01-04T10",
            &["1,u,2020-01-03 10:00:00", "1,u,2020-01-04 10:00:00"],
        );
    assert_eq!(
        extracts.pageviews(),
        [
            "1,2020-01-03 10:00:00,A,B,2020-01-04 00:00:00",
            "1,2020-01-04 10:00:00,B,B,",
        ]
    );
    assert_eq!(
        extracts.history(),
        [
            "1,A,2020-01-01 00:00:00,2020-01-02 00:00:00",
            "1,B,2020-01-04 00:00:00,",
            "2,X,2020-01-01 00:00:00,",
        ]
    );
}

#[test]
fn unknown_user_reads_null_until_the_user_appears() {
    let view = ["7,u,2020-01-01 10:00:00"];
    let before = Extracts::new()
        .users("2020-01-01", &["1,A"])
        .views("2020-01-01T10", &view);
    assert_eq!(before.pageviews(), ["7,2020-01-01 10:00:00,,,"]);
    let after = before.users("2020-01-02", &["1,A", "7,B"]);
    assert_eq!(after.pageviews(), ["7,2020-01-01 10:00:00,B,B,"]);
}

#[test]
fn null_is_a_value_like_any_other() {
    let extracts = Extracts::new()
        .users("2020-01-01", &["1,"])
        .users("2020-01-02", &["1,A"])
        .users("2020-01-03", &["1,"])
        .users("2020-01-04", &["1,"])
        .views(
            "2020-01-04T10",
            &[
                "1,u,2020-01-01 10:00:00",
                "1,u,2020-01-02 10:00:00",
                "1,u,2020-01-04 10:00:00",
            ],
        );
    assert_eq!(
        extracts.pageviews(),
        [
            "1,2020-01-01 10:00:00,,,2020-01-03 00:00:00",
            "1,2020-01-02 10:00:00,A,,2020-01-03 00:00:00",
            "1,2020-01-04 10:00:00,,,",
        ]
    );
    assert_eq!(
        extracts.history(),
        [
            "1,,2020-01-01 00:00:00,2020-01-02 00:00:00",
            "1,A,2020-01-02 00:00:00,2020-01-03 00:00:00",
            "1,,2020-01-03 00:00:00,",
        ]
    );
}

#[test]
fn order_of_files_and_gaps_between_extracts_do_not_show() {
    let forward = Extracts::new()
        .users("2020-01-01", &["1,A"])
        .users("2020-01-09", &["1,B"])
        .views("2020-01-05T10", &["1,u,2020-01-05 10:00:00"])
        .views("2020-01-09T10", &["1,u,2020-01-09 10:00:00"]);
    let mut backward = Extracts::new()
        .users("2020-01-09", &["1,B"])
        .users("2020-01-01", &["1,A"])
        .views("2020-01-09T10", &["1,u,2020-01-09 10:00:00"])
        .views("2020-01-05T10", &["1,u,2020-01-05 10:00:00"]);
    assert_eq!(
        forward.pageviews(),
        [
            "1,2020-01-05 10:00:00,A,B,2020-01-09 00:00:00",
            "1,2020-01-09 10:00:00,B,B,",
        ]
    );
    assert_eq!(forward.pageviews(), backward.pageviews());
    assert_eq!(forward.history(), backward.history());

    backward.users.pop();
    assert_eq!(backward.history(), ["1,B,2020-01-09 00:00:00,"]);
}

#[test]
fn equal_views_are_all_kept_and_a_quoted_url_is_no_obstacle() {
    let view = r#"1,"https://a/?q=""x, y""",2020-01-01 10:00:00"#;
    let extracts = Extracts::new()
        .users("2020-01-01", &["1,A"])
        .views("2020-01-01T10", &[view, view]);
    let row = "1,2020-01-01 10:00:00,A,A,";
    assert_eq!(extracts.pageviews(), [row, row]);
}

#[test]
fn gzip_reads_like_plain_text() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users_extract_2020-01-01.csv.gz");
    let file = fs_err::File::create(&path).unwrap();
    let mut encoder = GzEncoder::new(file, Compression::fast());
    encoder.write_all(b"id,postcode\n5,A\n").unwrap();
    encoder.finish().unwrap();
    assert_eq!(text(&history(&[path])), ["5,A,2020-01-01 00:00:00,"]);
}
