//! Named points at which tests stop or kill a run.
//!
//! `WIGEON_FAILPOINT=committing` ends the process with `SIGKILL` where a run first comes to that
//! [`Point`]; `committing:users` where it does so in the step `users`; and with `=stop` behind it
//! the process stops, as with `SIGSTOP`, until somebody lets it go on. Without the variable a run
//! has nothing to compare.

use std::{
    env, fmt,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use wigeon_engine::Point;

use crate::words::list;

/// The variable of the environment.
const VARIABLE: &str = "WIGEON_FAILPOINT";

/// A run that goes on gets the signals first that came while it had stopped.
const SIGNALS_FIRST: Duration = Duration::from_millis(200);

/// Where a run is to stop or to die, once.
#[derive(Debug)]
pub(crate) struct Failpoint {
    point: Point,
    /// Only in this step.
    step: Option<String>,
    stops: bool,
    over: AtomicBool,
}

/// What the variable says is no point.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) struct UnknownPoint(String);

impl fmt::Display for UnknownPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = list(Point::ALL.map(Point::as_str));
        write!(
            f,
            "`{VARIABLE}`, which is for tests, is `{}`, but the points of a run are {known}",
            self.0
        )
    }
}

impl Failpoint {
    /// Returns what the environment asks for, if anything.
    pub(crate) fn from_environment() -> Result<Option<Self>, UnknownPoint> {
        let text = env::var_os(VARIABLE).filter(|text| !text.is_empty());
        text.map(|text| Self::parse(&text.to_string_lossy()))
            .transpose()
    }

    fn parse(text: &str) -> Result<Self, UnknownPoint> {
        let place = text.strip_suffix("=stop");
        let (name, step) = match place.unwrap_or(text).split_once(':') {
            Some((name, step)) => (name, Some(step.to_owned())),
            None => (place.unwrap_or(text), None),
        };
        let point = Point::ALL.into_iter().find(|point| point.as_str() == name);
        Ok(Self {
            point: point.ok_or_else(|| UnknownPoint(text.to_owned()))?,
            step,
            stops: place.is_some(),
            over: AtomicBool::new(false),
        })
    }

    /// Stops or kills the process if this is the point.
    pub(crate) fn reached(&self, point: Point, step: &str) {
        let is_meant = point == self.point && self.step.as_ref().is_none_or(|meant| meant == step);
        if !is_meant || self.over.swap(true, Ordering::Relaxed) {
            return;
        }
        signal(self.stops);
        thread::sleep(SIGNALS_FIRST);
    }
}

/// Does to this process what `kill -STOP` or `kill -KILL` would do.
#[cfg(unix)]
fn signal(stops: bool) {
    use nix::sys::signal::{Signal, raise};

    let signal = if stops {
        Signal::SIGSTOP
    } else {
        Signal::SIGKILL
    };
    // Neither can be refused.
    raise(signal).ok();
}

/// Ends this process as suddenly, where there are no such signals.
#[cfg(not(unix))]
fn signal(_stops: bool) {
    std::process::abort();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Point, Option<String>, bool) {
        let failpoint = Failpoint::parse(text).unwrap();
        (failpoint.point, failpoint.step, failpoint.stops)
    }

    #[test]
    fn a_point_may_have_a_step_and_stop() {
        assert_eq!(parsed("locked"), (Point::Locked, None, false));
        let step = || Some("users".to_owned());
        assert_eq!(parsed("begun:users"), (Point::Begun, step(), false));
        assert_eq!(parsed("staged:users=stop"), (Point::Staged, step(), true));
        assert_eq!(parsed("staged=stop"), (Point::Staged, None, true));
    }

    #[test]
    fn an_unknown_point_is_told_the_known_ones() {
        let told = Failpoint::parse("commit").unwrap_err().to_string();
        assert!(told.contains("is `commit`, but"), "{told}");
        assert!(told.contains("`committed`"), "{told}");
        // Every name is the only one of its point.
        for point in Point::ALL {
            assert_eq!(parsed(point.as_str()).0, point);
        }
    }
}
