//! What the generated files must show, at a size where chance shows nothing.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use wigeon_generator::{Extract, Format, History, Settings};

const LARGE_ID: u64 = 9_007_199_254_740_993;

fn tiny() -> Settings {
    Settings {
        users: 40,
        views_per_day: 200,
        ..Settings::default()
    }
}

fn bytes(history: &History, extract: Extract) -> Vec<u8> {
    let mut bytes = Vec::new();
    history
        .write(extract, &mut bytes)
        .expect("memory takes everything");
    bytes
}

fn text(history: &History, extract: Extract) -> String {
    String::from_utf8(bytes(history, extract)).expect("the generator writes such rows")
}

/// The users extract of `day`, by id.
fn users(history: &History, day: u32) -> BTreeMap<u64, String> {
    text(history, Extract::users(day))
        .lines()
        .skip(1)
        .map(|line| {
            let (id, postcode) = line
                .split_once(',')
                .expect("the generator writes such rows");
            (
                id.parse().expect("the generator writes such rows"),
                postcode.to_owned(),
            )
        })
        .collect()
}

/// User and time of every row that the extract of an hour holds.
fn views(history: &History, day: u32, hour: u32) -> Vec<(u64, String)> {
    text(history, Extract::views(day, hour))
        .lines()
        .skip(1)
        .map(|line| {
            let (id, rest) = line
                .split_once(',')
                .expect("the generator writes such rows");
            let (_, time) = rest
                .rsplit_once(',')
                .expect("the generator writes such rows");
            (
                id.parse().expect("the generator writes such rows"),
                time.to_owned(),
            )
        })
        .collect()
}

#[test]
fn bytes_of_a_small_history_never_change() {
    let history = History::new(tiny());
    let mut digest = Sha256::new();
    for extract in history.extracts() {
        digest.update(history.file_name(extract));
        digest.update(bytes(&history, extract));
    }
    assert_eq!(
        format!("{:x}", digest.finalize()),
        "83bb97ba3b8108e5530557b27d69c83386aac3d0c5202db289ef25d507e214e4"
    );
}

#[test]
fn number_of_threads_does_not_show() {
    let history = History::new(tiny());
    let written = [1, 3].map(|threads: usize| {
        let directory = tempfile::tempdir().unwrap();
        let written = history
            .write_files(
                &history.extracts(),
                directory.path(),
                threads.try_into().unwrap(),
            )
            .unwrap();
        assert_eq!(written.files, 7 * 25);
        let files: BTreeMap<String, Vec<u8>> = fs_err::read_dir(directory.path())
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let name = entry.file_name().into_string().unwrap();
                (name, fs_err::read(entry.path()).unwrap())
            })
            .collect();
        files
    });
    assert_eq!(written[0], written[1]);
    for extract in history.extracts() {
        assert_eq!(
            written[0][&history.file_name(extract)],
            bytes(&history, extract)
        );
    }
}

#[test]
fn longer_history_begins_like_a_shorter_one() {
    let short = History::new(tiny());
    let long = History::new(Settings {
        days: 400,
        ..tiny()
    });
    for extract in short.extracts() {
        assert_eq!(bytes(&short, extract), bytes(&long, extract));
    }
}

#[test]
fn seeds_differ() {
    let other = History::new(Settings { seed: 2, ..tiny() });
    let extract = Extract::views(0, 12);
    assert_ne!(
        bytes(&History::new(tiny()), extract),
        bytes(&other, extract)
    );
}

#[test]
fn files_are_named_after_their_time() {
    let name = |format, extract| {
        History::new(Settings {
            start: "2019-10-30".parse().unwrap(),
            format,
            ..tiny()
        })
        .file_name(extract)
    };
    assert_eq!(
        name(Format::Csv, Extract::users(2)),
        "users_extract_2019-11-01.csv"
    );
    assert_eq!(
        name(Format::CsvGz, Extract::views(0, 7)),
        "pageview_extract_2019-10-30T07.csv.gz"
    );
    assert_eq!(
        name(Format::Ndjson, Extract::views(1, 23)),
        "pageview_extract_2019-10-31T23.ndjson"
    );
}

#[test]
fn formats_say_the_same() {
    let csv = History::new(tiny());
    let ndjson = History::new(Settings {
        format: Format::Ndjson,
        ..tiny()
    });
    let gzip = History::new(Settings {
        format: Format::CsvGz,
        ..tiny()
    });
    let users = text(&ndjson, Extract::users(0));
    assert!(users.starts_with("{\"id\":1,\"postcode\":\"SW19\"}\n"));
    assert!(users.contains("{\"id\":9,\"postcode\":null}\n"));
    let views = text(&ndjson, Extract::views(0, 16));
    assert!(views.starts_with(
        r#"{"user_id":1,"url":"https://www.example.co.uk/search?q=\"flats, to let\"&page=2","pageview_datetime":"2019-10-11 16:05:00"}"#
    ));
    let views = text(&csv, Extract::views(0, 16));
    let mut lines = views.lines();
    assert_eq!(lines.next(), Some("user_id,url,pageview_datetime"));
    assert_eq!(
        lines.next(),
        Some(
            r#"1,"https://www.example.co.uk/search?q=""flats, to let""&page=2",2019-10-11 16:05:00"#
        )
    );
    let compressed = bytes(&gzip, Extract::views(0, 16));
    let unpacked = std::io::read_to_string(flate2::read::GzDecoder::new(&compressed[..])).unwrap();
    assert_eq!(unpacked, views);
}

#[test]
fn users_extracts_show_each_kind_of_history() {
    let history = History::new(tiny());
    let days: Vec<BTreeMap<u64, String>> = (0..7).map(|day| users(&history, day)).collect();
    let story = |id: u64| -> Vec<&str> {
        days.iter()
            .map(|day| day.get(&id).map_or("-", String::as_str))
            .collect()
    };
    assert_eq!(story(2)[..3], ["SW19", "SW19", "SW20"]);
    assert_eq!(story(3)[..4], ["AB10", "AB11", "AB11", "AB10"]);
    assert_eq!(story(5)[..3], ["-", "-", "LS6"]);
    assert_eq!(story(6)[..5], ["M14", "M14", "-", "-", "M14"]);
    assert_eq!(story(7)[..5], ["M15", "M15", "-", "-", "M16"]);
    assert_eq!(story(8)[2..], ["E2", "-", "-", "-", "-"]);
    assert_eq!(story(9)[..5], ["", "N1", "N1", "", "N2"]);
    assert_eq!(story(10)[..4], ["B1", "B1", "", "B1"]);
    assert_eq!(story(12), ["-"; 7]);
    assert_eq!(story(LARGE_ID)[2..4], ["EH2", "EH3"]);
    assert_eq!(story(41)[..2], ["-", days[1][&41].as_str()]);
    assert!(days.iter().all(|day| !day.contains_key(&48)));
}

#[test]
fn views_show_each_kind_of_row() {
    for views_per_day in [60, 200] {
        let history = History::new(Settings {
            views_per_day,
            ..tiny()
        });
        let listed: BTreeSet<u64> = (0..7)
            .flat_map(|day| users(&history, day))
            .map(|(id, _)| id)
            .collect();
        let mut viewers = BTreeSet::new();
        let mut unlisted_today = BTreeSet::new();
        let mut late_hours = 0;
        let mut late_days = 0;
        let mut at_midnight = 0;
        let mut twice = 0;
        let mut rows = 0;
        let mut empty_hours = 0;
        for day in 0..7 {
            let listed_today = users(&history, day);
            let today = history.file_name(Extract::users(day))[14..24].to_owned();
            for hour in 0..24 {
                let views = views(&history, day, hour);
                rows += views.len();
                empty_hours += usize::from(views.is_empty());
                let different: BTreeSet<&(u64, String)> = views.iter().collect();
                twice += usize::from(different.len() < views.len());
                for (id, time) in &views {
                    viewers.insert(*id);
                    if !listed_today.contains_key(id) {
                        unlisted_today.insert(*id);
                    }
                    let on_time = format!("{today} {hour:02}:");
                    assert!(*time < format!("{on_time}:"), "no row is from the future");
                    if !time.starts_with(&on_time) {
                        late_hours += usize::from(time.starts_with(&today));
                        late_days += usize::from(!time.starts_with(&today));
                    }
                    at_midnight += usize::from(time.ends_with("00:00:00"));
                }
            }
        }
        assert_eq!(rows as u64, 7 * views_per_day);
        assert!(
            (1..=16)
                .chain([LARGE_ID - 1, LARGE_ID])
                .all(|id| viewers.contains(&id))
        );
        assert!(unlisted_today.contains(&12), "never listed");
        assert!(unlisted_today.contains(&5), "listed later");
        assert!(unlisted_today.contains(&8), "no longer listed");
        assert!(
            unlisted_today.contains(&41) && listed.contains(&41),
            "newcomer of tomorrow"
        );
        assert!(late_hours >= 7 && late_days >= 14);
        assert!(at_midnight >= 7);
        assert!(twice >= 7);
        assert!(empty_hours >= 7, "an empty file at night");
    }
}

#[test]
fn guards_of_a_snapshot_hold_from_thirty_users() {
    for seed in 0..20 {
        let history = History::new(Settings {
            users: 30,
            seed,
            ..tiny()
        });
        for day in 1..7 {
            let before = users(&history, day - 1);
            let now = users(&history, day);
            let closed = before.keys().filter(|id| !now.contains_key(id)).count();
            let changed = before
                .iter()
                .filter(|(id, postcode)| now.get(id).is_some_and(|new| new != *postcode))
                .count();
            assert!(closed * 5 <= before.len(), "day {day}: {closed} closed");
            assert!(changed * 2 <= before.len(), "day {day}: {changed} changed");
        }
    }
}

#[test]
fn shares_are_those_of_the_settings() {
    let history = History::new(Settings {
        users: 100_000,
        views_per_day: 100_000,
        days: 30,
        movers: 0.02,
        ..tiny()
    });
    let [before, now] = [28, 29].map(|day| users(&history, day));
    let changed = before
        .iter()
        .filter(|(id, postcode)| now.get(id).is_some_and(|new| new != *postcode))
        .count();
    assert!((1_850..2_150).contains(&changed), "{changed} moved");
    let absent = before.keys().filter(|id| !now.contains_key(id)).count();
    assert!((5..60).contains(&absent), "{absent} disappeared");

    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    let mut late = 0;
    let mut unlisted = 0;
    let mut rows = 0;
    for hour in 0..24 {
        for (id, time) in views(&history, 29, hour) {
            rows += 1;
            late += usize::from(!time.starts_with(&format!("2019-11-09 {hour:02}:")));
            unlisted += usize::from(!now.contains_key(&id));
            *counts.entry(id).or_default() += 1;
        }
    }
    assert_eq!(rows, 100_000);
    assert!((400..650).contains(&late), "{late} late");
    assert!(
        (450..950).contains(&unlisted),
        "{unlisted} of unlisted users"
    );
    let mut counts: Vec<u64> = counts.into_values().collect();
    counts.sort_unstable();
    let most_active: u64 = counts.iter().rev().take(1_000).sum();
    assert!(
        (18_000..25_000).contains(&most_active),
        "{most_active} by the most active"
    );
}
