//! Invocations of `wigeon` that are waited for: what they said, and what they took.

use std::{
    io::Read,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use wait4::Wait4 as _;

/// How long an invocation may take: far longer than any does, so that one that hangs fails its test
/// and not all that come after it.
const DEADLINE: Duration = Duration::from_mins(3);

/// What one invocation of `wigeon` printed and returned, and what it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// The data.
    pub stdout: String,
    /// Everything else.
    pub stderr: String,
    /// The most memory that it had. Linux counts what the test itself had when it started it, if
    /// that was more.
    pub peak_bytes: u64,
}

/// Runs a command to its end, and captures what it prints.
pub fn run_to_end(command: &mut Command) -> Ran {
    let run = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    ended(run.expect("the binary runs"))
}

/// Waits for a process whose output is captured, and returns what it did. One that has not ended
/// by the deadline is killed, and the test fails.
pub fn ended(mut run: Child) -> Ran {
    let stdout = collect(run.stdout.take().expect("it is captured"));
    let stderr = collect(run.stderr.take().expect("it is captured"));
    // What it prints ends when it does.
    let deadline = Instant::now() + DEADLINE;
    let left = || deadline.saturating_duration_since(Instant::now());
    let printed = stdout.recv_timeout(left()).and_then(|printed| {
        let told = stderr.recv_timeout(left())?;
        Ok((printed, told))
    });
    let Ok((printed, told)) = printed else {
        run.kill().expect("it is there");
        run.wait().expect("it ends now");
        let told = stderr.recv_timeout(Duration::from_secs(1));
        let told = told.unwrap_or_default();
        panic!(
            "`wigeon` has not ended after {DEADLINE:?}; it said: {}",
            String::from_utf8_lossy(&told)
        );
    };
    let used = run.wait4().expect("a child that ends");
    Ran {
        code: used.status.code(),
        stdout: String::from_utf8(printed).expect("UTF-8"),
        stderr: String::from_utf8(told).expect("UTF-8"),
        peak_bytes: used.rusage.maxrss,
    }
}

/// Reads a pipe to its end, beside what else is done.
fn collect(mut output: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = vec![];
        output.read_to_end(&mut bytes).expect("a pipe");
        // After the deadline nobody waits for it.
        sender.send(bytes).ok();
    });
    receiver
}
