//! What a sandboxed plugin costs, through the lanes.
//!
//! The same lookup, `point-in-time` over a table of versions, in four ways, each routed by key to
//! lanes that build their share of the lookup and probe it:
//!
//! - *native*: the plugin's own code, compiled with the host. No boundary.
//! - *component*: the plugin as it is used. Batches stay in the host, which gathers the payload.
//! - *copying*: a component that keeps the payload itself and answers with new arrays.
//! - *IPC*: a component behind Arrow IPC streams, encoded and decoded for each call.
//!
//! Two columns go in (an int64 key, a timestamp), five come out (both, two strings, a timestamp).
//! With `--text-keys` the key is text of 16 characters, and there are only the first two. The
//! sides take turns, and each figure is the median of several rounds. The machine may be noisy
//! and shared, so the ratios are what counts.

#![expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "it prints figures, of counts far below 2^52"
)]

mod ipc;
mod rows;
mod sides;

use rows::Keys;
use sides::{Measured, Side, Sides};

/// What the command line asks for.
struct Settings {
    key: Keys,
    keys: usize,
    probes: usize,
    batch: usize,
    lanes: usize,
    rounds: usize,
    sides: Vec<Side>,
}

impl Settings {
    fn read() -> Self {
        let mut settings = Self {
            key: Keys::Numbers,
            keys: 2_000_000,
            probes: 20_000_000,
            batch: 8_192,
            lanes: 2,
            rounds: 5,
            sides: Side::ALL.to_vec(),
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut text = || arguments.next().unwrap_or_default();
            let number = |text: String| text.replace('_', "").parse().expect("a number follows");
            match argument.as_str() {
                "--text-keys" => settings.key = Keys::Text,
                "--keys" => settings.keys = number(text()),
                "--probes" => settings.probes = number(text()),
                "--batch" => settings.batch = number(text()),
                "--lanes" => settings.lanes = number(text()),
                "--rounds" => settings.rounds = number(text()),
                "--only" => {
                    let only = text();
                    settings
                        .sides
                        .retain(|side| only.split(',').any(|name| name == side.name()));
                }
                // What cargo says to every bench.
                "--bench" => {}
                other => panic!("unknown: {other}"),
            }
        }
        if settings.key == Keys::Text {
            let can = |side: &Side| matches!(side, Side::Native | Side::Component);
            settings.sides.retain(can);
        }
        settings
    }
}

fn main() {
    let settings = Settings::read();
    let sides = Sides::new(&settings);
    let mut measured = vec![vec![]; settings.sides.len()];
    for _ in 0..settings.rounds {
        for (side, measured) in settings.sides.iter().zip(&mut measured) {
            measured.push(sides.measure(*side));
        }
    }
    println!(
        "{} keys, {:?}, {} probes in batches of {}, {} lanes, medians of {} rounds\n",
        settings.keys,
        settings.key,
        settings.probes,
        settings.batch,
        settings.lanes,
        settings.rounds
    );
    println!(
        "| | whole, s | / native | lookup, ns per key | / native | probes, ns per row | / native | bytes in per row | bytes out per row |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let median = |measured: &[Measured], figure: &dyn Fn(&Measured) -> f64| {
        let mut figures: Vec<_> = measured.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    let (keys, probes) = (settings.keys as f64, settings.probes as f64);
    for (side, of_side) in settings.sides.iter().zip(&measured) {
        let time = |figure: &dyn Fn(&Measured) -> f64| {
            (
                median(of_side, figure),
                median(of_side, figure) / median(&measured[0], figure),
            )
        };
        let whole = time(&|m| m.lookup.as_secs_f64() + m.probes.as_secs_f64());
        let lookup = time(&|m| m.lookup.as_nanos() as f64 / keys);
        let probing = time(&|m| m.probes.as_nanos() as f64 / probes);
        println!(
            "| {} | {:.2} | {:.2} | {:.1} | {:.2} | {:.1} | {:.2} | {:.1} | {:.1} |",
            side.name(),
            whole.0,
            whole.1,
            lookup.0,
            lookup.1,
            probing.0,
            probing.1,
            of_side[0].bytes_in as f64 / probes,
            of_side[0].bytes_out as f64 / probes,
        );
    }
}
