//! Runs that stop at a named point, and go on when they are told to.

use std::process::{Child, Stdio};

use nix::{
    sys::{
        signal::{self, Signal},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use crate::{Project, Ran, ended};

/// A run that has stopped at a point, and holds there whatever it holds.
#[derive(Debug)]
pub struct Stopped {
    run: Option<Child>,
}

impl Stopped {
    /// Starts `wigeon` and waits until it has stopped at a point, as `WIGEON_FAILPOINT` names it.
    pub fn at(project: &Project, point: &str, arguments: &[&str]) -> Self {
        Self::await_stop(start_to_stop(project, point, arguments))
    }

    /// Waits until a run has stopped that was started to do so.
    pub fn await_stop(run: Child) -> Self {
        match waitpid(pid(&run), Some(WaitPidFlag::WUNTRACED)) {
            Ok(WaitStatus::Stopped(..)) => Self { run: Some(run) },
            other => panic!("the run did not come to its point: {other:?}"),
        }
    }

    /// Returns the number of the process.
    pub fn pid(&self) -> u32 {
        self.run.as_ref().expect("it has not gone on").id()
    }

    /// Sends it a signal, which it gets when it goes on.
    pub fn send(&self, signal: Signal) {
        send(self.run.as_ref().expect("it has not gone on"), signal);
    }

    /// Lets it go on to its end.
    pub fn go_on(mut self) -> Ran {
        let run = self.run.take().expect("it has not gone on");
        send(&run, Signal::SIGCONT);
        ended(run)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // The test has failed: nothing is to be left behind.
        if let Some(mut run) = self.run.take() {
            run.kill().ok();
            run.wait().ok();
        }
    }
}

/// Starts `wigeon` so that it stops at a point, and captures what it prints.
pub fn start_to_stop(project: &Project, point: &str, arguments: &[&str]) -> Child {
    project
        .command(arguments)
        .env("WIGEON_FAILPOINT", format!("{point}=stop"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs")
}

/// Sends a signal to a process.
pub fn send(run: &Child, signal: Signal) {
    signal::kill(pid(run), signal).expect("the process is there");
}

fn pid(run: &Child) -> Pid {
    Pid::from_raw(i32::try_from(run.id()).expect("the number of a process"))
}
