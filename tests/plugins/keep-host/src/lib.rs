//! A plugin that is not ours: of rows with a URL, those of one host.
//!
//! Written from the WIT and the SDK alone. It reads one column and copies nothing out: it only
//! says which rows it keeps.

use serde::Deserialize;
use wigeon_sdk::{
    Batch, Column, Error, Host, JsonSchema, Level, Origin, Plugin, Schema, Selection, Transform,
    arrow_array::cast::AsArray,
};

/// The step at work.
#[derive(Debug)]
pub struct KeepHost {
    host: String,
    url: usize,
    schema: Schema,
}

/// What the manifest says.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The column with the URL.
    url: String,
    /// The host to keep.
    host: String,
}

impl Plugin for KeepHost {
    const NAME: &'static str = "keep-host";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    type Options = Options;
}

impl Transform for KeepHost {
    fn open(options: Options, rows: Schema) -> Result<Self, Error> {
        let url = rows.index_of(&options.url);
        Ok(Self {
            url: url
                .map_err(|_| Error::options(format!("there is no column `{}`", options.url)))?,
            host: options.host,
            schema: rows,
        })
    }

    fn schema(&self) -> Schema {
        self.schema.clone()
    }

    fn rows(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error> {
        let urls = batch.column(self.url);
        let kept: Vec<u32> = (0..)
            .zip(urls.as_string::<i32>())
            .filter(|(_, url)| url.is_some_and(|url| host_of(url) == self.host))
            .map(|(row, _)| row)
            .collect();
        host.log(
            Level::Debug,
            &format!("kept {} of {} rows", kept.len(), batch.rows()),
        );
        let columns = (0..self.schema.fields().len()).map(|column| Column::gather(0, column));
        host.emit(
            kept.len(),
            vec![Selection::new(Origin::Current, kept)],
            columns.collect(),
        );
        Ok(())
    }
}

fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

wigeon_sdk::export!(transform: KeepHost);
