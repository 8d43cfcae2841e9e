//! Many invocations at once: one works, and the others say so and change nothing.

use std::{
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use fs_err as fs;
use wigeon_generator::Extract;
use wigeon_tests::{Project, Stopped, ended, guest, start_to_stop};

use crate::{
    arrivals::{Arrivals, settings},
    kills::{RUN, check_no_litter, check_whole_loads},
};

const TWENTY: usize = 20;

/// The one that has the lock stops with it, so that the others meet it however fast it is.
#[test]
fn of_twenty_runs_at_once_one_works() {
    let mut arrivals = Arrivals::new(settings(37, 40, 120, 1));
    Extract::of_day(0).for_each(|extract| arrivals.arrive(extract));
    let project = &arrivals.project;
    let start = |_| start_to_stop(project, "locked", &RUN);
    let mut runs: Vec<Child> = (0..TWENTY).map(start).collect();
    let waiting = Instant::now();
    let is_there = |run: &mut Child| run.try_wait().expect("the state of a child").is_none();
    while runs.iter_mut().map(is_there).filter(|there| *there).count() > 1 {
        assert!(
            waiting.elapsed() < Duration::from_mins(1),
            "more than one run has not ended"
        );
        thread::sleep(Duration::from_millis(5));
    }
    let working = runs.iter_mut().position(is_there);
    let working = runs.remove(working.expect("one run holds the lock"));
    let working = Stopped::await_stop(working);
    let pid = format!("process {}", working.pid());
    for other in runs {
        let said = ended(other);
        assert_eq!(said.code, Some(75), "{}", said.stderr);
        let busy = "error: a run holds `pageviews_postcode.duckdb.lock`";
        assert!(said.stderr.starts_with(busy), "{}", said.stderr);
        assert!(
            said.stderr.contains("hint: wait until that run has ended"),
            "{}",
            said.stderr
        );
        assert_eq!(said.stdout, "");
    }
    // Whoever came before it had written who it is could not know; now everybody can.
    let late = project.run(&RUN);
    assert_eq!(late.code, Some(75), "{}", late.stderr);
    assert!(late.stderr.contains(&pid), "{pid}: {}", late.stderr);

    let worked = working.go_on();
    assert_eq!(worked.code, Some(0), "{}", worked.stderr);
    check_whole_loads(project, "after twenty runs");
    arrivals.check("after twenty runs");
    check_no_litter(project);
    let again = project.run(&RUN);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    let said = [again.stdout, again.stderr].concat();
    assert!(said.contains("nothing to do"), "{said}");
}

/// Each of them finds no cache, and makes it, for itself and the others.
#[test]
fn twenty_processes_make_the_cache_at_once() {
    let project = Project::new("");
    project.write("guest.wasm", guest("wigeon-test-keep-host"));
    let cache = project.path("deep/in/the/cache");
    let start = |_| {
        project
            .command(&["plugin", "inspect", "file:guest.wasm"])
            .env("WIGEON_CACHE_DIR", &cache)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs")
    };
    let started: Vec<Child> = (0..TWENTY).map(start).collect();
    for process in started {
        let ran = ended(process);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        // It would be a warning that nothing is cached.
        assert_eq!(ran.stderr, "");
    }
    let mode = |path: &Path| {
        let metadata = fs::metadata(path).expect("it is there");
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode(&cache), 0o700);
    let files = fs::read_dir(&cache).expect("the cache");
    let files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    let [file] = files.as_slice() else {
        panic!("one compiled plugin, and no litter: {files:?}");
    };
    assert_eq!(mode(file), 0o600);
}
