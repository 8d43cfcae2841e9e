//! An incremental plugin that never comes back from a call.
//!
//! The tests of signals load it, since nothing else keeps a lane at work for as long as they like.

use std::hint::black_box;

use serde::Deserialize;
use wigeon_sdk::{
    Batch, Error, Host, Incremental, IncrementalInput, JsonSchema, Plugin, Schema, Shape,
};

/// The step at work.
#[derive(Debug)]
pub struct Endless {
    call: Call,
    schema: Schema,
}

/// What the manifest says.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The call that never returns.
    call: Call,
}

/// A call of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// When the step is opened.
    Open,
    /// When the lookup is handed over.
    Lookup,
    /// When rows are handed over.
    Rows,
    /// When there are no more rows.
    Finish,
}

impl Plugin for Endless {
    const NAME: &'static str = "endless";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    type Options = Options;
}

impl Incremental for Endless {
    fn open(options: Options, input: IncrementalInput) -> Result<Self, Error> {
        let endless = Self {
            call: options.call,
            schema: input.rows,
        };
        endless.is_called(Call::Open);
        Ok(endless)
    }

    fn shape(&self) -> Shape {
        Shape {
            schema: self.schema.clone(),
            row_wise: self.call != Call::Finish,
            event_time: None,
        }
    }

    fn lookup(&mut self, _: &Batch<'_>) -> Result<(), Error> {
        self.is_called(Call::Lookup);
        Ok(())
    }

    fn rows(&mut self, _: &Batch<'_>, _: &mut Host<'_>) -> Result<(), Error> {
        self.is_called(Call::Rows);
        Ok(())
    }

    fn finish(&mut self, _: &mut Host<'_>) -> Result<(), Error> {
        self.is_called(Call::Finish);
        Ok(())
    }
}

impl Endless {
    /// Spins if this is the call.
    fn is_called(&self, call: Call) {
        while black_box(self.call) == black_box(call) {}
    }
}

wigeon_sdk::export!(incremental: Endless);
