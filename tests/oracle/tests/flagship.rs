//! The committed tables of the flagship are what the oracle says of its extracts.

use std::path::{Path, PathBuf};

use wigeon_oracle::{history, history_csv, pageviews, pageviews_csv};

fn pipeline() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines/pageviews_postcode")
}

fn extracts(prefix: &str) -> Vec<PathBuf> {
    fs_err::read_dir(pipeline().join("extracts"))
        .expect("the extracts are committed")
        .map(|entry| entry.expect("the directory can be read").path())
        .filter(|path| {
            path.extension().is_some_and(|extension| extension == "csv")
                && path
                    .file_name()
                    .and_then(|name| name.to_str())
                    .is_some_and(|name| name.starts_with(prefix))
        })
        .collect()
}

#[test]
fn expected_pageviews_are_those_of_the_oracle() {
    let rows = pageviews(&extracts("users_extract_"), &extracts("pageview_extract_"));
    let expected = pipeline().join("expected/pageviews_postcode.csv");
    assert_eq!(
        pageviews_csv(&rows),
        fs_err::read_to_string(expected).unwrap()
    );
}

#[test]
fn expected_history_is_that_of_the_oracle() {
    let versions = history(&extracts("users_extract_"));
    let expected = pipeline().join("expected/current_postcode_history.csv");
    assert_eq!(
        history_csv(&versions),
        fs_err::read_to_string(expected).unwrap()
    );
}
