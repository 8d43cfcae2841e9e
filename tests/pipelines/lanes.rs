//! The same plugins and the same extracts give the same tables, value for value, however many
//! lanes and threads there are, and again with as many. Not only the rows of the pipeline, but the
//! ledger, the quarantine and overlays as well; what may differ is when a run was, what it was
//! called, and in what order the rows lie.

use wigeon_generator::Extract;

use crate::{
    arrivals::{Arrivals, settings},
    tables::{Tables, assert_same, everything_but_times},
};

/// Views that only the quarantine keeps.
const MALFORMED: &str = "user_id,url,pageview_datetime\nnobody,https://example.com/a,2019-10-10 23:10:00\n\
                         2,https://example.com/b,at noon\n";

/// A table of the views as they come, beside those of the flagship. A transform has no lanes:
/// only the number of threads differs for it.
const STORED: &str = r#"
[[step]]
name = "clean_views"
kind = "transform"
plugin = "builtin:normalize"
input = "pageview_extract"
store = true
max_rejected_rows = 10
options = { columns = ["url"], case = "upper" }
"#;

/// The flagship, with a stored transform and rows for the quarantine.
fn flagship(lanes: u32, threads: u32, mode: u8) -> Arrivals {
    let arrivals = Arrivals::new(settings(41 + u64::from(mode), 60, 240, 4));
    let project = &arrivals.project;
    let warehouse = "path = \"pageviews_postcode.duckdb\"";
    project.edit_manifest(warehouse, &format!("{warehouse}\nthreads = {threads}"));
    for (plugin, more) in [
        ("scd2", "late_extracts = \"insert\""),
        ("point-in-time", "max_rejected_rows = 10"),
    ] {
        let plugin = format!("plugin = \"builtin:{plugin}\"");
        project.edit_manifest(&plugin, &format!("{plugin}\n{more}"));
    }
    arrivals.lanes(lanes);
    let before = "# Every view, with both postcodes.";
    project.edit_manifest(before, &format!("{STORED}\n{before}"));
    project.write("extracts/pageview_extract_2019-10-10T23.csv", MALFORMED);
    arrivals.update_mode(mode);
    arrivals
}

/// Four runs: users move, come and go, and an extract of them is late. Returns everything that is
/// in the warehouse then.
fn after_four_days(lanes: u32, threads: u32, mode: u8) -> Tables {
    let mut arrivals = flagship(lanes, threads, mode);
    for (users, views) in [(0, 0), (2, 1), (1, 2), (3, 3)] {
        arrivals.arrive(Extract::users(users));
        (0..24).for_each(|hour| arrivals.arrive(Extract::views(views, hour)));
        arrivals.project.ok(&["run", "--at", "2019-12-01"]);
    }
    let when = format!("{lanes} lanes, {threads} threads, mode {mode}");
    arrivals.check(&when);
    let tables = everything_but_times(&arrivals.project.path("pageviews_postcode.duckdb"));
    // Of both steps that read the views.
    assert_eq!(tables["wigeon.quarantine"].len(), 4, "{when}");
    assert_eq!(tables["main.clean_views"].len(), 4 * 240, "{when}");
    tables
}

/// What changes is kept in an overlay, or written in place.
#[test]
fn tables_are_the_same_with_any_number_of_lanes() {
    for mode in [1, 2] {
        let once = after_four_days(1, 1, mode);
        let overlay = once.contains_key("main.wigeon_overlay_pageviews_postcode");
        assert_eq!(overlay, mode == 1, "{:?}", once.keys());
        for (lanes, threads) in [(2, 1), (3, 2), (3, 2), (1, 3)] {
            let again = after_four_days(lanes, threads, mode);
            let when = format!("{lanes} lanes, {threads} threads, mode {mode}");
            assert_same(&again, &once, &when);
        }
    }
}
