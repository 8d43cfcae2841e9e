//! The same plugins and the same extracts give the same tables, value for value, however many
//! lanes and threads there are. The order of rows is no part of a table.

use wigeon_generator::Extract;

use crate::{
    arrivals::{Arrivals, settings},
    tables::{Tables, assert_same, of_pipeline},
};

const DAYS: u32 = 3;

/// Runs the flagship for some days, night by night, and returns its tables.
fn tables(lanes: u32, threads: u32) -> Tables {
    let mut arrivals = Arrivals::new(settings(7, 200, 600, DAYS));
    arrivals.project.edit_manifest(
        "path = \"pageviews_postcode.duckdb\"",
        &format!("path = \"pageviews_postcode.duckdb\"\nthreads = {threads}"),
    );
    for plugin in ["scd2", "point-in-time", "net-change"] {
        let plugin = format!("plugin = \"builtin:{plugin}\"");
        let limited = format!("{plugin}\nlimits = {{ lanes = {lanes} }}");
        arrivals.project.edit_manifest(&plugin, &limited);
    }
    for day in 0..DAYS {
        arrivals.arrive(Extract::users(day));
        (0..24).for_each(|hour| arrivals.arrive(Extract::views(day, hour)));
        arrivals.project.ok(&["run", "--at", "2019-12-01"]);
    }
    of_pipeline(&arrivals.project.path("pageviews_postcode.duckdb"))
}

#[test]
fn tables_are_the_same_with_any_number_of_lanes() {
    let once = tables(1, 1);
    for table in [
        "main.current_postcode_history",
        "main.pageviews_postcode",
        "main.updated_postcode_stg",
    ] {
        assert!(!once[table].is_empty(), "{table} has rows");
    }
    for (lanes, threads) in [(1, 1), (2, 1), (3, 1), (1, 3), (3, 2)] {
        let again = tables(lanes, threads);
        assert_same(&again, &once, &format!("{lanes} lanes, {threads} threads"));
    }
}
