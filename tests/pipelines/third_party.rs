//! Plugins that are not ours, loaded from files, take part in a pipeline; `wigeon.lock` pins them.

use std::{fmt::Write as _, sync::LazyLock};

use chrono::{NaiveDate, NaiveDateTime};
use fs_err as fs;
use serde_json::Value;
use sha2::{Digest, Sha256};
use wigeon_tests::{Project, guest};

const MANIFEST: &str = r#"
manifest_version = 1
name = "mobile"

[source.users]
format = "csv"
path = "users_{date}.csv"
columns = { id = "int64", postcode = "utf8" }

[source.views]
format = "csv"
path = "views_{date}T{hour}.csv"
columns = { user_id = "int64", url = "utf8", viewed_at = "timestamp" }

[[step]]
name = "mobile_views"
kind = "transform"
plugin = "file:plugins/keep-host.wasm"
input = "views"
options = { url = "url", host = "m.example.com" }

[[step]]
name = "postcodes"
kind = "snapshot"
plugin = "builtin:scd2"
input = "users"
key = ["id"]
guard = { max_changed_share = 1.0 }

[[step]]
name = "held"
kind = "incremental"
plugin = "file:plugins/tenure.wasm"
input = "mobile_views"
columns = ["user_id", "viewed_at"]
key = ["user_id"]
lookup = "postcodes"
options = { event_time = "viewed_at", value = "postcode" }

[[step]]
name = "moved"
kind = "change-detection"
plugin = "builtin:net-change"
input = "postcodes"
target = "held"
"#;

const USERS: u32 = 20;
const TABLE: &str = "select * from held order by all nulls first";

static TENURE: LazyLock<Vec<u8>> = LazyLock::new(|| guest("wigeon-test-tenure"));
static KEEP_HOST: LazyLock<Vec<u8>> = LazyLock::new(|| guest("wigeon-test-keep-host"));

fn project() -> Project {
    let project = Project::new(MANIFEST);
    project.write("plugins/tenure.wasm", &*TENURE);
    project.write("plugins/keep-host.wasm", &*KEEP_HOST);
    project
}

/// A third of the users never move, the others move every day. The last one comes on day 1.
fn postcode(user: u32, day: u32) -> Option<String> {
    let listed = user < USERS - 1 || (user == USERS - 1 && day > 0);
    listed.then(|| format!("P{}", user + 100 * day * (user % 3)))
}

fn midnight(day: u32) -> NaiveDateTime {
    let date = NaiveDate::from_ymd_opt(2024, 3, 4 + day).expect("a date");
    date.and_hms_opt(0, 0, 0).expect("a midnight")
}

/// The views of an hour: who, and when. Every second one is of the mobile site.
fn views(day: u32, hour: u32) -> impl Iterator<Item = (u32, NaiveDateTime)> {
    (0..40).map(move |place| {
        let seconds = i64::from(hour * 3600 + place * 61);
        (
            (place * 7 + hour) % (USERS + 2),
            midnight(day) + chrono::TimeDelta::seconds(seconds),
        )
    })
}

fn write_users(project: &Project, day: u32) {
    let mut csv = "id,postcode\n".to_owned();
    for user in 0..USERS {
        if let Some(postcode) = postcode(user, day) {
            writeln!(csv, "{user},{postcode}").expect("a line");
        }
    }
    project.write(&format!("users_{}.csv", midnight(day).date()), csv);
}

fn write_views(project: &Project, day: u32, hour: u32) {
    let mut csv = "user_id,url,viewed_at\n".to_owned();
    for (place, (user, at)) in views(day, hour).enumerate() {
        let host = if place % 2 == 0 {
            "m.example.com"
        } else {
            "www.example.com"
        };
        writeln!(csv, "{user},https://{host}/m.example.com?{place},{at}").expect("a line");
    }
    project.write(
        &format!("views_{}T{hour:02}.csv", midnight(day).date()),
        csv,
    );
}

/// The table after the users extracts of `days`, worked out in the plainest way.
fn expected(days: u32, loaded: &[(u32, u32)]) -> String {
    let mut rows = vec![];
    for (user, at) in loaded
        .iter()
        .flat_map(|&(day, hour)| views(day, hour).step_by(2))
    {
        let began = (0..days)
            .filter(|&day| midnight(day) <= at && postcode(user, day).is_some())
            .filter(|&day| day == 0 || postcode(user, day - 1) != postcode(user, day))
            .max();
        let held = began.map(|day| (at - midnight(day)).num_seconds());
        let shown = began.and_then(|day| postcode(user, day));
        rows.push((user, at, shown, held));
    }
    rows.sort();
    let mut csv = "user_id,viewed_at,postcode,held_seconds\n".to_owned();
    for (user, at, postcode, held) in rows {
        let held = held.map_or_else(String::new, |held| held.to_string());
        writeln!(csv, "{user},{at},{},{held}", postcode.unwrap_or_default()).expect("a line");
    }
    csv
}

/// A transform and an incremental plugin of somebody else, with our snapshot and our change
/// detection around them: what is loaded before the users extract of its day is put right after it.
#[test]
fn a_plugin_from_a_file_takes_part_in_a_pipeline() {
    let project = project();
    let mut loaded = vec![];
    for day in 0..3 {
        if day > 0 {
            write_views(&project, day, 0);
            loaded.push((day, 0));
            project.ok(&["run", "--step", "held"]);
            assert_eq!(
                project.sql(TABLE),
                expected(day, &loaded),
                "before the extract of day {day}"
            );
        }
        write_users(&project, day);
        for hour in [6, 12, 18] {
            write_views(&project, day, hour);
            loaded.push((day, hour));
        }
        project.ok(&["run"]);
        assert_eq!(
            project.sql(TABLE),
            expected(day + 1, &loaded),
            "after day {day}"
        );
    }
    assert_eq!(project.sql("select count(*) as n from held"), "n\n220\n");
}

/// A plugin that does not say that an event time decides what it adds has its rows updated, and
/// nothing else can be asked for.
#[test]
fn a_plugin_without_an_event_time_is_not_merged_on_read() {
    let project = project();
    write_users(&project, 0);
    write_views(&project, 0, 6);
    project.ok(&["run"]);
    let target = "target = \"held\"";
    let merged = format!("{target}\nupdate_mode = \"merge-on-read\"");
    project.edit_manifest(target, &merged);
    write_users(&project, 1);
    let before = project.sql("from wigeon.ledger");
    let refused = project.run(&["run"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    let said = refused.stderr.replace("\n  │ ", " ");
    for words in [
        "unsupported-update-mode",
        "the rows of `held` cannot be merged on read",
        "does not say that an event time decides what it adds",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(project.sql("from wigeon.ledger"), before);
    project.edit_manifest("merge-on-read", "copy-on-write");
    project.ok(&["run"]);
    assert_eq!(project.sql(TABLE), expected(2, &[(0, 6)]));
}

/// The first run pins the digest of every plugin; a component that is another one stops the next
/// run before anything is done, until somebody says that it is meant.
fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().fold("sha256:".to_owned(), |text, byte| {
        format!("{text}{byte:02x}")
    })
}

/// The same code with a custom section more: it runs just as well.
fn changed_tenure() -> Vec<u8> {
    [&*TENURE, &[0, 2, 1, b'x'][..]].concat()
}

#[test]
fn a_changed_component_is_refused_until_it_is_pinned_anew() {
    let project = project();
    write_users(&project, 0);
    write_views(&project, 0, 6);
    project.ok(&["run"]);
    let lock = || fs::read_to_string(project.path("wigeon.lock")).expect("the lock file");
    for (plugin, bytes) in [("tenure", &*TENURE), ("keep-host", &*KEEP_HOST)] {
        let pinned = format!(
            "plugin = \"file:plugins/{plugin}.wasm\"\ndigest = \"{}\"",
            digest(bytes)
        );
        assert!(lock().contains(&pinned), "{}", lock());
    }
    let before = (
        lock(),
        project.sql(TABLE),
        project.sql("from wigeon.ledger"),
    );

    let changed = changed_tenure();
    project.write("plugins/tenure.wasm", &changed);
    write_views(&project, 0, 12);
    let refused = project.run(&["run"]);
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    for said in [
        "file:plugins/tenure.wasm",
        &digest(&changed),
        &digest(&TENURE),
        "wigeon.lock",
    ] {
        assert!(
            refused.stderr.replace("\n  │ ", "").contains(said),
            "{said}: {}",
            refused.stderr
        );
    }
    assert_eq!(
        (
            lock(),
            project.sql(TABLE),
            project.sql("from wigeon.ledger")
        ),
        before
    );

    project.ok(&["lock", "--update"]);
    assert!(lock().contains(&digest(&changed)));
    project.ok(&["run"]);
    assert_eq!(project.sql(TABLE), expected(1, &[(0, 6), (0, 12)]));
}

/// Nobody can tell which of two components is at fault where their rows differ.
#[test]
fn rows_of_another_component_are_not_verified() {
    let project = project();
    write_users(&project, 0);
    write_views(&project, 0, 6);
    project.ok(&["run"]);
    project.ok(&["verify", "held"]);
    let load = project.sql("select load_id from wigeon.ledger where step = 'held'");
    let load = load.trim_start_matches("load_id\n").trim_end();

    let changed = changed_tenure();
    project.write("plugins/tenure.wasm", &changed);
    project.ok(&["lock", "--update"]);
    let reason = format!(
        "load {load} of `held` was made by the plugin {}, and the one of today is {}",
        &digest(&TENURE)[..19],
        &digest(&changed)[..19]
    );
    let ran = project.run(&["verify", "--format", "json"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let told: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let table = |name: &str| {
        let tables = told["tables"].as_array().expect("tables");
        let found = tables.iter().find(|table| table["table"] == name);
        found.expect("the table is told")
    };
    assert_eq!(table("held")["outcome"], "not-verified", "{told:#}");
    assert_eq!(table("held")["reason"], *reason, "{told:#}");
    assert_eq!(table("postcodes_history")["outcome"], "equal", "{told:#}");
    let ran = project.run(&["verify", "held"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains(&reason), "{}", ran.stderr);

    project.write("plugins/tenure.wasm", &*TENURE);
    project.ok(&["lock", "--update"]);
    project.ok(&["verify", "held"]);
}
