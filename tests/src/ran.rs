//! Invocations of `wigeon` that are waited for: what they said, and what they took.

use std::{
    io::Read,
    process::{Child, Command, ExitStatus, Stdio},
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
    /// The most memory that it had; none if it was started and waited for apart. Linux counts what
    /// the test itself had when it started it, if that was more.
    pub peak_bytes: Option<u64>,
}

/// Runs a command to its end, and captures what it prints.
pub fn run_to_end(command: &mut Command) -> Ran {
    let run = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut run = run.expect("the binary runs");
    let printed = printed_by(&mut run);
    let used = run.wait4().expect("a child that ends");
    printed.of(used.status, Some(used.rusage.maxrss))
}

/// Waits for a process whose output is captured, and returns what it did.
pub fn ended(mut run: Child) -> Ran {
    let printed = printed_by(&mut run);
    // Whoever started it may have asked whether it is there: then only the standard library knows
    // how it ended.
    let status = run.wait().expect("a child that ends");
    printed.of(status, None)
}

struct Printed {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Printed {
    fn of(self, status: ExitStatus, peak_bytes: Option<u64>) -> Ran {
        Ran {
            code: status.code(),
            stdout: String::from_utf8(self.stdout).expect("UTF-8"),
            stderr: String::from_utf8(self.stderr).expect("UTF-8"),
            peak_bytes,
        }
    }
}

/// Reads what a process prints, which ends when the process does. One that has not ended by the
/// deadline is killed, and the test fails.
fn printed_by(run: &mut Child) -> Printed {
    let stdout = collect(run.stdout.take().expect("it is captured"));
    let stderr = collect(run.stderr.take().expect("it is captured"));
    let deadline = Instant::now() + DEADLINE;
    let left = || deadline.saturating_duration_since(Instant::now());
    let printed = stdout.recv_timeout(left()).and_then(|printed| {
        Ok(Printed {
            stdout: printed,
            stderr: stderr.recv_timeout(left())?,
        })
    });
    printed.unwrap_or_else(|_| {
        run.kill().expect("it is there");
        run.wait().expect("it ends now");
        let told = stderr.recv_timeout(Duration::from_secs(1));
        panic!(
            "`wigeon` has not ended after {DEADLINE:?}; it said: {}",
            String::from_utf8_lossy(&told.unwrap_or_default())
        );
    })
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
