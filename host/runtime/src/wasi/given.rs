//! What a plugin is given of WASI: clocks that tell no real time, random numbers that follow from a
//! seed, output that goes to the log, and waiting that takes no time.

use blake3::OutputReader;
use wasmtime::{
    AsContextMut, StoreContextMut,
    component::{ComponentType, LinkerInstance, Lower, Resource, ResourceType},
};

use crate::{
    Breach, Grants, contract::LevelEnum, imports, refusal::RefusalHandle, state::State,
    text::TEXT_BYTES,
};

/// How far a look at the monotonic clock moves it on, in nanoseconds: loops that wait for it end.
const LOOK: u64 = 1_000;

/// How many handles of resources an instance may have at once.
const HANDLES: u32 = 10_000;

/// How many random bytes may be asked for at once.
const RANDOM_BYTES: u64 = 1 << 20;

/// How many bytes may be written at once, as WASI has it.
const WRITE_BYTES: u64 = 4_096;

const STDOUT: u32 = 0;
const STDERR: u32 = 1;

/// What one instance has used of WASI.
#[derive(Debug)]
pub(crate) struct Given {
    grants: Grants,
    /// What the monotonic clock tells.
    elapsed: u64,
    /// Made when it is first asked for.
    random: Option<Box<OutputReader>>,
    handles: u32,
    /// What was written of a line that has not ended, of each output.
    lines: [Vec<u8>; 2],
    asked_the_time: bool,
}

impl Given {
    pub(crate) fn new(grants: Grants) -> Self {
        Self {
            grants,
            elapsed: 0,
            random: None,
            handles: 0,
            lines: [vec![], vec![]],
            asked_the_time: false,
        }
    }

    pub(crate) fn dropped_handle(&mut self) {
        self.handles = self.handles.saturating_sub(1);
    }

    /// Returns a new handle, which stands for nothing but the number.
    fn handle<T: 'static>(&mut self, number: u32) -> Result<Resource<T>, RefusalHandle> {
        if self.handles == HANDLES {
            return Err(too_much("handles", HANDLES.into()));
        }
        self.handles += 1;
        Ok(Resource::new_own(number))
    }

    /// Returns a handle of a wait that is over: the clock is moved to its end at once.
    fn waited(&mut self, until: u64) -> Result<Resource<Pollable>, RefusalHandle> {
        self.elapsed = self.elapsed.max(until);
        self.handle(0)
    }

    fn look_at_clock(&mut self) -> u64 {
        self.elapsed = self.elapsed.saturating_add(LOOK);
        self.elapsed
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        let seed = self.grants.random.unwrap_or_default();
        let random = self
            .random
            .get_or_insert_with(|| Box::new(seed.random_numbers()));
        random.fill(bytes);
    }

    fn random_bytes(&mut self, count: u64) -> Result<Vec<u8>, RefusalHandle> {
        let within = usize::try_from(count)
            .ok()
            .filter(|_| count <= RANDOM_BYTES);
        let count = within.ok_or_else(|| too_much("random bytes", RANDOM_BYTES))?;
        let mut bytes = vec![0; count];
        self.fill(&mut bytes);
        Ok(bytes)
    }

    fn random_number(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

fn too_much(what: &'static str, most: u64) -> RefusalHandle {
    RefusalHandle::from(Breach::TooMuch { what, most })
}

type Caller<'a> = StoreContextMut<'a, State>;

/// Something that a plugin may wait for. It has always happened.
struct Pollable;
/// Standard input, which has ended.
struct InputStream;
/// Standard output or error.
struct OutputStream;
/// An error of a stream. There are none.
struct StreamFailure;
/// A network that nothing can be reached in.
struct Network;
/// A resource of which there are none.
struct Denied;

#[derive(Debug, ComponentType, Lower)]
#[component(variant)]
#[expect(dead_code, reason = "streams end here, but do not fail")]
enum StreamErrorVariant {
    #[component(name = "last-operation-failed")]
    LastOperationFailed(Resource<StreamFailure>),
    #[component(name = "closed")]
    Closed,
}

#[derive(Debug, Clone, Copy, ComponentType, Lower)]
#[component(record)]
struct DatetimeRecord {
    seconds: u64,
    nanoseconds: u32,
}

/// Returns the host's side of a resource of WASI.
pub(super) fn resource(name: &str) -> ResourceType {
    match name {
        "pollable" => ResourceType::host::<Pollable>(),
        "input-stream" => ResourceType::host::<InputStream>(),
        "output-stream" => ResourceType::host::<OutputStream>(),
        "error" => ResourceType::host::<StreamFailure>(),
        "network" => ResourceType::host::<Network>(),
        _ => ResourceType::host::<Denied>(),
    }
}

/// Adds what is given of an interface, named without its version.
pub(super) fn offer(
    instance: &mut LinkerInstance<'_, State>,
    interface: &str,
) -> wasmtime::Result<()> {
    match interface {
        "wasi:cli/exit" => exit(instance),
        "wasi:cli/stdin" => instance.func_wrap("get-stdin", |mut caller: Caller<'_>, (): ()| {
            Ok((caller.data_mut().wasi.handle::<InputStream>(0)?,))
        }),
        "wasi:cli/stdout" => instance.func_wrap("get-stdout", |mut caller: Caller<'_>, (): ()| {
            Ok((caller.data_mut().wasi.handle::<OutputStream>(STDOUT)?,))
        }),
        "wasi:cli/stderr" => instance.func_wrap("get-stderr", |mut caller: Caller<'_>, (): ()| {
            Ok((caller.data_mut().wasi.handle::<OutputStream>(STDERR)?,))
        }),
        "wasi:clocks/monotonic-clock" => monotonic_clock(instance),
        "wasi:clocks/wall-clock" => wall_clock(instance),
        "wasi:io/poll" => poll(instance),
        "wasi:io/streams" => {
            input_stream(instance)?;
            output_stream(instance)
        }
        "wasi:random/random" => random(instance, "get-random-bytes", "get-random-u64"),
        "wasi:random/insecure" => random(
            instance,
            "get-insecure-random-bytes",
            "get-insecure-random-u64",
        ),
        "wasi:random/insecure-seed" => {
            instance.func_wrap("insecure-seed", |mut caller: Caller<'_>, (): ()| {
                let given = &mut caller.data_mut().wasi;
                Ok(((given.random_number(), given.random_number()),))
            })
        }
        "wasi:sockets/instance-network" => instance
            .func_wrap("instance-network", |mut caller: Caller<'_>, (): ()| {
                Ok((caller.data_mut().wasi.handle::<Network>(0)?,))
            }),
        _ => Ok(()),
    }
}

fn exit(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    let exited = || wasmtime::Error::from(RefusalHandle::from(Breach::Exited));
    instance.func_wrap(
        "exit",
        move |_: Caller<'_>, _: (Result<(), ()>,)| -> wasmtime::Result<()> { Err(exited()) },
    )?;
    instance.func_wrap(
        "exit-with-code",
        move |_: Caller<'_>, _: (u8,)| -> wasmtime::Result<()> { Err(exited()) },
    )
}

fn monotonic_clock(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap("now", |mut caller: Caller<'_>, (): ()| {
        Ok((caller.data_mut().wasi.look_at_clock(),))
    })?;
    instance.func_wrap("resolution", |_: Caller<'_>, (): ()| Ok((LOOK,)))?;
    instance.func_wrap(
        "subscribe-instant",
        |mut caller: Caller<'_>, (instant,): (u64,)| {
            Ok((caller.data_mut().wasi.waited(instant)?,))
        },
    )?;
    instance.func_wrap(
        "subscribe-duration",
        |mut caller: Caller<'_>, (duration,): (u64,)| {
            let given = &mut caller.data_mut().wasi;
            let until = given.elapsed.saturating_add(duration);
            Ok((given.waited(until)?,))
        },
    )
}

fn wall_clock(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap("now", |mut caller: Caller<'_>, (): ()| {
        let state = caller.data_mut();
        let time = state.wasi.grants.clock;
        if time.is_none() && !state.wasi.asked_the_time {
            tracing::warn!(
                plugin = state.plugin,
                "a plugin asked for the time and was told 1970-01-01; `allow = [\"clock\"]` in its step gives it the time of the run"
            );
        }
        state.wasi.asked_the_time = true;
        let time = time.unwrap_or_default();
        Ok((DatetimeRecord {
            seconds: time.as_secs(),
            nanoseconds: time.subsec_nanos(),
        },))
    })?;
    instance.func_wrap("resolution", |_: Caller<'_>, (): ()| {
        Ok((DatetimeRecord {
            seconds: 1,
            nanoseconds: 0,
        },))
    })
}

fn random(
    instance: &mut LinkerInstance<'_, State>,
    bytes: &str,
    number: &str,
) -> wasmtime::Result<()> {
    instance.func_wrap(bytes, |mut caller: Caller<'_>, (count,): (u64,)| {
        Ok((caller.data_mut().wasi.random_bytes(count)?,))
    })?;
    instance.func_wrap(number, |mut caller: Caller<'_>, (): ()| {
        Ok((caller.data_mut().wasi.random_number(),))
    })
}

fn poll(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap(
        "[method]pollable.ready",
        |_: Caller<'_>, _: (Resource<Pollable>,)| Ok((true,)),
    )?;
    instance.func_wrap(
        "[method]pollable.block",
        |_: Caller<'_>, _: (Resource<Pollable>,)| Ok(()),
    )?;
    instance.func_wrap(
        "poll",
        |_: Caller<'_>, (pollables,): (Vec<Resource<Pollable>>,)| {
            let ready: Vec<u32> = (0..u32::try_from(pollables.len())?).collect();
            Ok((ready,))
        },
    )
}

fn input_stream(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    type Asked = (Resource<InputStream>, u64);
    for name in ["read", "blocking-read"] {
        let name = format!("[method]input-stream.{name}");
        instance.func_wrap(&name, |_: Caller<'_>, _: Asked| {
            Ok((Err::<Vec<u8>, _>(StreamErrorVariant::Closed),))
        })?;
    }
    for name in ["skip", "blocking-skip"] {
        let name = format!("[method]input-stream.{name}");
        instance.func_wrap(&name, |_: Caller<'_>, _: Asked| {
            Ok((Err::<u64, _>(StreamErrorVariant::Closed),))
        })?;
    }
    instance.func_wrap(
        "[method]input-stream.subscribe",
        |mut caller: Caller<'_>, _: (Resource<InputStream>,)| {
            Ok((caller.data_mut().wasi.waited(0)?,))
        },
    )
}

fn output_stream(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    type Spliced = (Resource<OutputStream>, Resource<InputStream>, u64);
    instance.func_wrap(
        "[method]output-stream.check-write",
        |_: Caller<'_>, _: (Resource<OutputStream>,)| {
            Ok((Ok::<_, StreamErrorVariant>(WRITE_BYTES),))
        },
    )?;
    for name in ["write", "blocking-write-and-flush"] {
        let name = format!("[method]output-stream.{name}");
        instance.func_wrap(
            &name,
            |caller: Caller<'_>, (stream, bytes): (Resource<OutputStream>, Vec<u8>)| {
                write(caller, stream.rep(), &bytes)?;
                Ok((Ok::<(), StreamErrorVariant>(()),))
            },
        )?;
    }
    for name in ["flush", "blocking-flush"] {
        let name = format!("[method]output-stream.{name}");
        instance.func_wrap(&name, |_: Caller<'_>, _: (Resource<OutputStream>,)| {
            Ok((Ok::<(), StreamErrorVariant>(()),))
        })?;
    }
    for name in ["write-zeroes", "blocking-write-zeroes-and-flush"] {
        let name = format!("[method]output-stream.{name}");
        instance.func_wrap(&name, |_: Caller<'_>, _: (Resource<OutputStream>, u64)| {
            Ok((Err::<(), _>(StreamErrorVariant::Closed),))
        })?;
    }
    for name in ["splice", "blocking-splice"] {
        let name = format!("[method]output-stream.{name}");
        instance.func_wrap(&name, |_: Caller<'_>, _: Spliced| {
            Ok((Err::<u64, _>(StreamErrorVariant::Closed),))
        })?;
    }
    instance.func_wrap(
        "[method]output-stream.subscribe",
        |mut caller: Caller<'_>, _: (Resource<OutputStream>,)| {
            Ok((caller.data_mut().wasi.waited(0)?,))
        },
    )
}

/// Puts the lines that end into the log. What is too long for a line of it is cut.
fn write(mut caller: Caller<'_>, stream: u32, bytes: &[u8]) -> wasmtime::Result<()> {
    if bytes.len() as u64 > WRITE_BYTES {
        return Err(too_much("bytes of output", WRITE_BYTES).into());
    }
    for part in bytes.split_inclusive(|&byte| byte == b'\n') {
        let line = &mut caller.data_mut().wasi.lines[usize::from(stream == STDERR)];
        // One byte more than is shown, so that it shows that there was more.
        let room = (TEXT_BYTES + 1).saturating_sub(line.len());
        line.extend_from_slice(&part[..part.len().min(room)]);
        if part.ends_with(b"\n") {
            finish_line(caller.as_context_mut(), stream)?;
        }
    }
    Ok(())
}

/// Puts what was written of unfinished lines into the log, at the end of a call.
pub(crate) fn finish_lines(mut store: impl AsContextMut<Data = State>) -> wasmtime::Result<()> {
    finish_line(store.as_context_mut(), STDOUT)?;
    finish_line(store.as_context_mut(), STDERR)
}

fn finish_line(mut caller: Caller<'_>, stream: u32) -> wasmtime::Result<()> {
    let is_error = stream == STDERR;
    let line = std::mem::take(&mut caller.data_mut().wasi.lines[usize::from(is_error)]);
    let line = String::from_utf8_lossy(&line);
    let line = line.trim_end();
    if line.is_empty() {
        return Ok(());
    }
    let level = if is_error {
        LevelEnum::Warn
    } else {
        LevelEnum::Info
    };
    imports::log(caller, (level, line.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Seed;

    fn drawn(grants: Grants) -> Vec<u8> {
        Given::new(grants).random_bytes(16).unwrap()
    }

    #[test]
    fn random_numbers_follow_from_the_seed() {
        let of = |text| Grants {
            random: Some(Seed::of(text)),
            ..Grants::default()
        };
        assert_eq!(drawn(Grants::default()), drawn(Grants::default()));
        assert_eq!(drawn(of("monday")), drawn(of("monday")));
        assert_ne!(drawn(of("monday")), drawn(of("tuesday")));
        assert_ne!(drawn(of("monday")), drawn(Grants::default()));
    }

    #[test]
    fn a_wait_is_over_at_once_and_moves_the_clock() {
        let mut given = Given::new(Grants::default());
        let before = given.look_at_clock();
        assert!(given.look_at_clock() > before);
        let hour = u64::try_from(Duration::from_hours(1).as_nanos()).unwrap();
        given.waited(hour).unwrap();
        assert!(given.look_at_clock() > hour);
    }

    #[test]
    fn handles_and_random_bytes_are_limited() {
        let mut given = Given::new(Grants::default());
        assert!(given.random_bytes(RANDOM_BYTES).is_ok());
        assert!(given.random_bytes(u64::MAX).is_err());
        for _ in 0..HANDLES {
            given.handle::<Network>(0).unwrap();
        }
        assert!(given.handle::<Network>(0).is_err());
        given.dropped_handle();
        assert!(given.handle::<Network>(0).is_ok());
    }
}
