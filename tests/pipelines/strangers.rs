//! Plugins that are not ours give the same tables in one lane and in several, bit by bit: one that
//! asks WASI for everything and is allowed nothing, and one that keeps a lookup.

use std::fmt::Write as _;

use wigeon_tests::{Project, guest};

const MANIFEST: &str = r#"
manifest_version = 1
name = "strangers"

[warehouse]
threads = 1

[source.users]
format = "csv"
path = "users_{date}.csv"
columns = { id = "int64", rate = "float64" }

[source.views]
format = "csv"
path = "views_{date}.csv"
columns = { user_id = "int64", weight = "float64", viewed_at = "timestamp" }

[[step]]
name = "rates"
kind = "snapshot"
plugin = "builtin:scd2"
input = "users"
key = ["id"]
guard = { max_changed_share = 1.0 }
limits = { lanes = LANES }

[[step]]
name = "told"
kind = "transform"
plugin = "file:worldly.wasm"
input = "views"
options = { deed = "ask" }

[[step]]
name = "held"
kind = "incremental"
plugin = "file:tenure.wasm"
input = "told"
key = ["user_id"]
lookup = "rates"
options = { event_time = "viewed_at", value = "rate" }
limits = { lanes = LANES }
"#;

/// The bits of what may be shown alike.
const TABLE: &str = "select user_id, weight::bit::varchar as weight, viewed_at, told, \
                     rate::bit::varchar as rate, held_seconds from held order by all";

const USERS: u64 = 500;
/// Several batches.
const VIEWS: u64 = 6_000;

/// Numbers of which most have as many digits as there are, and some are at the ends of what there is.
fn number(place: u64) -> String {
    match place % 50 {
        0 => "-0.0".to_owned(),
        1 => "5e-324".to_owned(),
        2 => "1.7976931348623157e308".to_owned(),
        _ => format!("0.{:015}1", place.wrapping_mul(0x9e37_79b9) % 1_000_000_007),
    }
}

/// Two days, each with another rate for each user, run one after the other.
fn tables(lanes: u32) -> String {
    let project = Project::new(&MANIFEST.replace("LANES", &lanes.to_string()));
    project.write("worldly.wasm", guest("wigeon-worldly"));
    project.write("tenure.wasm", guest("wigeon-test-tenure"));
    let mut held = String::new();
    for day in [4, 5] {
        let mut users = "id,rate\n".to_owned();
        for user in 0..USERS {
            writeln!(users, "{user},{}", number(user * day)).expect("text");
        }
        project.write(&format!("users_2024-03-0{day}.csv"), users);
        let mut views = "user_id,weight,viewed_at\n".to_owned();
        for view in 0..VIEWS {
            let (user, second) = (view * 7 % (USERS + 3), view % 60);
            let weight = number(view);
            writeln!(views, "{user},{weight},2024-03-0{day} 12:00:{second:02}").expect("text");
        }
        project.write(&format!("views_2024-03-0{day}.csv"), views);
        project.ok(&["run", "--at", &format!("2024-03-0{}", day + 1)]);
        held = project.sql(TABLE);
    }
    held
}

#[test]
fn a_strangers_rows_are_the_same_bit_by_bit_in_one_lane_and_in_three() {
    let once = tables(1);
    let rows = usize::try_from(2 * VIEWS).expect("few rows");
    assert_eq!(once.lines().count(), rows + 1);
    for lanes in [3, 3, 1] {
        let again = tables(lanes);
        let differs = again.lines().zip(once.lines()).find(|(a, b)| a != b);
        assert_eq!(differs, None, "{lanes} lanes");
        assert_eq!(again.len(), once.len(), "{lanes} lanes");
    }
}
