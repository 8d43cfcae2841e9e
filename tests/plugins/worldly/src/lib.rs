//! A transform that asks WASI for everything, and adds what it got to its rows.

mod bindings;

use std::sync::Arc;

use bindings::wasi::{
    cli::{environment, exit, stderr, stdin, stdout},
    clocks::{monotonic_clock, wall_clock},
    filesystem::preopens,
    http::types::Fields,
    io::{
        poll,
        streams::{OutputStream, StreamError},
    },
    random::random,
    sockets::{instance_network, ip_name_lookup, network::ErrorCode},
};
use serde::Deserialize;
use wigeon_sdk::{
    Batch, Column, DataType, Error, Field, Host, JsonSchema, Plugin, Schema, Transform,
    arrow_array::StringArray,
};

/// The step at work.
#[derive(Debug)]
pub struct Worldly {
    deed: Deed,
    schema: Schema,
}

/// What the manifest's `[step.options]` may say.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// What to do with the rows.
    pub deed: Deed,
}

/// What to do with the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Ask for everything.
    Ask,
    /// Exit.
    Exit,
    /// Prepare a request to a server.
    Request,
    /// Hold on to handles without end.
    Hoard,
    /// Drop a handle twice.
    DropTwice,
    /// Ask for more random bytes than there is memory.
    Draw,
    /// Write too much at once.
    WriteAtLength,
    /// Write a line that never ends.
    WriteForever,
    /// Wait without end.
    WaitForever,
}

impl Plugin for Worldly {
    const NAME: &'static str = "worldly";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    type Options = Options;
}

impl Transform for Worldly {
    fn open(options: Options, rows: Schema) -> Result<Self, Error> {
        let mut fields: Vec<Arc<Field>> = rows.fields().to_vec();
        fields.push(Arc::new(Field::new("told", DataType::Utf8, false)));
        Ok(Self {
            deed: options.deed,
            schema: Schema::new(fields),
        })
    }

    fn schema(&self) -> Schema {
        self.schema.clone()
    }

    fn rows(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error> {
        match self.deed {
            Deed::Ask => {}
            Deed::Exit => exit::exit(Err(())),
            Deed::Request => drop(Fields::new()),
            Deed::Hoard => {
                let mut networks = vec![];
                loop {
                    networks.push(instance_network::instance_network());
                }
            }
            Deed::DropTwice => drop_twice(),
            Deed::Draw => drop(random::get_random_bytes(u64::MAX)),
            Deed::WriteAtLength => write(&[b'x'; 4_097]),
            Deed::WriteForever => loop {
                write(&[b'x'; 4_096]);
            },
            Deed::WaitForever => {
                let hour = monotonic_clock::subscribe_duration(3_600_000_000_000);
                loop {
                    poll::poll(&[&hour]);
                    hour.block();
                }
            }
        }
        let told = told();
        let rows = batch.rows();
        let given = (0..self.schema.fields().len() - 1).map(Column::Forward);
        let told = Column::Values(Arc::new(StringArray::from(vec![told.as_str(); rows])));
        host.emit(rows, vec![], given.chain([told]).collect());
        Ok(())
    }
}

fn write(bytes: &[u8]) {
    let written = stdout::get_stdout().blocking_write_and_flush(bytes);
    written.expect("output does not end");
}

#[expect(unsafe_code, reason = "that is the deed")]
fn drop_twice() {
    let handle = stdout::get_stdout().take_handle();
    for _ in 0..2 {
        // SAFETY: none: this is the deed. The host knows which handles there are.
        drop(unsafe { OutputStream::from_handle(handle) });
    }
}

/// Asks for everything.
fn told() -> String {
    let environment = environment::get_environment().len() + environment::get_arguments().len();
    let directory = environment::initial_cwd();
    let directories = preopens::get_directories().len();
    let read = match stdin::get_stdin().blocking_read(1) {
        Err(StreamError::Closed) => "closed",
        _ => "open",
    };
    let network = instance_network::instance_network();
    let resolved = match ip_name_lookup::resolve_addresses(&network, "example.com") {
        Err(ErrorCode::AccessDenied) => "denied",
        _ => "resolved",
    };
    let before = monotonic_clock::now();
    let hours =
        [24, 48].map(|hours| monotonic_clock::subscribe_duration(hours * 3_600_000_000_000));
    let ready = poll::poll(&hours.iter().collect::<Vec<_>>()).len();
    hours[0].block();
    let slept = (monotonic_clock::now() - before) / 3_600_000_000_000;
    let time = wall_clock::now().seconds;
    let random = random::get_random_bytes(8);
    let random = u64::from_be_bytes(random.try_into().expect("eight bytes were asked for"));
    let output = stdout::get_stdout().blocking_write_and_flush(b"to standard output\nunfinished");
    let errors = stderr::get_stderr().blocking_write_and_flush(b"to standard error\x1b[2J\n");
    let printed = output.is_ok() && errors.is_ok();
    format!(
        "environment {environment} {directory:?}; files {directories}; stdin {read}; \
         network {resolved}; ready {ready}; slept {slept} h; printed {printed}; time {time}; random {random:016x}"
    )
}

wigeon_sdk::export!(transform: Worldly);
