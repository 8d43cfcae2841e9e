//! Tasks, streams and sinks that fail or panic. Wherever that is, the failure is told, all threads
//! end, and the sink's reader ends with an error, so that nothing is taken for the whole.
//!
//! Streams that come before the failure have no end: only the failure can end them.

use std::{
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use arrow_array::{ArrayRef, Int64Array, RecordBatch, RecordBatchReader};
use wigeon_lanes::{Budget, Follow, Inlet, Pass, Rows, Stopped, run};
use wigeon_runtime::Task;

/// How long any case may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// So many keys that each lane has some in each pass.
const KEYS: i64 = 600;

/// How long streams are that the case does not cut off.
const BATCHES: usize = 100;

/// Where something fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    First,
    Second,
    Finish,
}

/// In which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Error,
    Panic,
}

/// Which task fails, and at which of its batches, from 1.
#[derive(Debug, Clone, Copy)]
struct Fault {
    lane: usize,
    place: Place,
    batch: usize,
    way: Way,
}

#[derive(Debug, PartialEq, Eq)]
struct TaskError {
    lane: usize,
    place: Place,
    batch: usize,
}

/// Emits what it takes of the second stream, until it is to fail.
struct Failing {
    lane: usize,
    fault: Option<Fault>,
    taken: [usize; 2],
    at_work: Arc<AtomicUsize>,
}

impl Failing {
    fn new(lane: usize, fault: Option<Fault>, at_work: &Arc<AtomicUsize>) -> Self {
        at_work.fetch_add(1, Ordering::SeqCst);
        Self {
            lane,
            fault: fault.filter(|fault| fault.lane == lane),
            taken: [0; 2],
            at_work: Arc::clone(at_work),
        }
    }

    fn at(&self, place: Place, batch: usize) -> Result<(), TaskError> {
        let lane = self.lane;
        let due = |fault: &Fault| fault.place == place && fault.batch == batch;
        match self.fault.filter(due).map(|fault| fault.way) {
            None => Ok(()),
            Some(Way::Error) => Err(TaskError { lane, place, batch }),
            Some(Way::Panic) => panic!("lane {lane} in {place:?}, as the test has it"),
        }
    }
}

impl Task for Failing {
    type Error = TaskError;

    fn first(&mut self, _: RecordBatch) -> Result<(), TaskError> {
        self.taken[0] += 1;
        self.at(Place::First, self.taken[0])
    }

    fn second(&mut self, batch: RecordBatch) -> Result<Vec<RecordBatch>, TaskError> {
        self.taken[1] += 1;
        self.at(Place::Second, self.taken[1])?;
        Ok(vec![batch])
    }

    fn finish(&mut self) -> Result<Vec<RecordBatch>, TaskError> {
        self.at(Place::Finish, 1)?;
        Ok(vec![batch()])
    }
}

impl Drop for Failing {
    fn drop(&mut self) {
        self.at_work.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Unwatched;

impl Follow for Unwatched {
    fn took(&self, _: u64) {}

    fn gave(&self, _: u64) {}

    fn is_cancelled(&self) -> bool {
        false
    }
}

/// A batch with all keys.
fn batch() -> RecordBatch {
    let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(0..KEYS));
    RecordBatch::try_from_iter([("id", keys)]).expect("one column")
}

type Batches = Rows<'static, &'static str>;

fn of(batches: usize) -> Batches {
    Box::new((0..batches).map(|_| Ok(batch())))
}

fn endless() -> Batches {
    of(usize::MAX)
}

/// A stream that fails after some batches.
fn failing_after(batches: usize, way: Way) -> Batches {
    Box::new((0..).map(move |number| match way {
        _ if number < batches => Ok(batch()),
        Way::Error => Err("the stream broke off"),
        Way::Panic => panic!("a stream, as the test has it"),
    }))
}

/// How the tasks of a case are arranged.
#[derive(Debug, Clone, Copy)]
struct Cut {
    lanes: usize,
    passes: usize,
    budget: Option<Budget>,
}

impl Cut {
    /// Whether all of the second stream is read before the first: then it must have an end.
    fn holds_all(self) -> bool {
        self.budget == Some(ALL)
    }
}

const FEW: Budget = Budget {
    rows: 3_000,
    bytes: 1 << 30,
};

const ALL: Budget = Budget {
    rows: 1 << 30,
    ..FEW
};

/// All arrangements that a failure is tried in: in one pass and in two, and with nothing, a part or
/// the whole of the second stream read before the first.
fn cuts() -> Vec<Cut> {
    let mut cuts = vec![];
    for (lanes, passes) in [(1, 1), (3, 1), (3, 2)] {
        for budget in [None, Some(FEW), Some(ALL)] {
            cuts.push(Cut {
                lanes,
                passes,
                budget,
            });
        }
    }
    cuts
}

/// What a sink does when it has taken some batches.
#[derive(Debug, Clone, Copy)]
enum Sink {
    TakesAll,
    Fails(Way),
}

/// Why the lanes stopped.
type Why = Stopped<TaskError, &'static str>;

/// How a case ended.
#[derive(Debug)]
struct Ended {
    /// What the lanes returned, and nothing if they panicked.
    result: Option<Result<(), Why>>,
    /// Whether the sink's reader ended as if it had given all rows.
    seemed_whole: bool,
    /// Tasks that are still there.
    at_work: usize,
}

impl Ended {
    fn is_told(&self, way: Way, error: &Why) -> bool {
        match (&self.result, way) {
            (None, Way::Panic) => true,
            (Some(Err(told)), Way::Error) => format!("{told:?}") == format!("{error:?}"),
            _ => false,
        }
    }

    fn assert_told(&self, way: Way, error: &Why, case: &str) {
        assert!(self.is_told(way, error), "{case}: {:?}", self.result);
        assert!(!self.seemed_whole, "{case}: the sink would commit");
        assert_eq!(self.at_work, 0, "{case}: tasks are left");
    }
}

/// Takes the rows as the warehouse does.
fn take(
    sink: Sink,
    reader: impl RecordBatchReader,
    seemed_whole: &AtomicBool,
) -> Result<(), &'static str> {
    for (number, batch) in reader.enumerate() {
        match sink {
            _ if batch.is_err() => return Err("the lanes failed"),
            Sink::Fails(Way::Error) if number == 3 => return Err("the sink is full"),
            Sink::Fails(Way::Panic) if number == 3 => panic!("the sink, as the test has it"),
            _ => {}
        }
    }
    seemed_whole.store(true, Ordering::SeqCst);
    Ok(())
}

/// Runs the lanes, and fails if they do not end.
fn ended(
    cut: Cut,
    streams: impl Fn() -> [Batches; 2] + Send + 'static,
    fault: Option<Fault>,
    sink: Sink,
) -> Ended {
    let (tell, told) = mpsc::channel();
    let at_work = Arc::new(AtomicUsize::new(0));
    let seemed_whole = Arc::new(AtomicBool::new(false));
    let (tasks, whole) = (Arc::clone(&at_work), Arc::clone(&seemed_whole));
    let lanes = thread::spawn(move || {
        // Told at the end, by a panic too.
        let _tell: mpsc::Sender<()> = tell;
        let open = move |pass: usize| {
            let [first, second] = streams().map(|rows| Inlet { rows, key: vec![0] });
            // The last pass is the one that fails.
            let fault = fault.filter(|_| pass + 1 == cut.passes);
            Ok(Pass {
                tasks: (0..cut.lanes)
                    .map(|lane| Failing::new(lane, fault, &tasks))
                    .collect(),
                first,
                second,
                budget: cut.budget,
            })
        };
        run(cut.passes, open, &batch().schema(), &Unwatched, |reader| {
            take(sink, reader, &whole)
        })
    });
    let waited = told.recv_timeout(PATIENCE);
    assert_eq!(
        waited,
        Err(mpsc::RecvTimeoutError::Disconnected),
        "{cut:?}: the lanes hang"
    );
    let result = lanes.join().ok();
    Ended {
        result,
        seemed_whole: seemed_whole.load(Ordering::SeqCst),
        at_work: at_work.load(Ordering::SeqCst),
    }
}

/// Tries cases side by side, since most of their time is waiting.
fn each_cut(test: impl Fn(Cut) + Sync) {
    thread::scope(|scope| {
        let tried: Vec<_> = cuts()
            .into_iter()
            .map(|cut| {
                let test = &test;
                scope.spawn(move || test(cut))
            })
            .collect();
        for tried in tried {
            if let Err(panic) = tried.join() {
                resume_unwind(panic);
            }
        }
    });
}

fn each_fault(cut: Cut, place: Place, test: impl Fn(Fault)) {
    // In passes, and of what is read before the first stream, a lane has few large batches.
    let batches: &[usize] = match place {
        Place::Finish => &[1],
        _ if cut.passes > 1 || cut.budget.is_some() => &[1, 3],
        _ => &[1, 40],
    };
    for way in [Way::Error, Way::Panic] {
        for lane in 0..cut.lanes {
            for &batch in batches {
                test(Fault {
                    lane,
                    place,
                    batch,
                    way,
                });
            }
        }
    }
}

fn assert_fault_is_told(
    cut: Cut,
    streams: impl Fn() -> [Batches; 2] + Send + 'static,
    fault: Fault,
) {
    let Fault {
        lane, place, batch, ..
    } = fault;
    let error = Stopped::Task(TaskError { lane, place, batch });
    let case = format!("{fault:?} in {cut:?}");
    ended(cut, streams, Some(fault), Sink::TakesAll).assert_told(fault.way, &error, &case);
}

#[test]
fn without_a_failure_all_is_told_as_whole() {
    each_cut(|cut| {
        let ended = ended(cut, || [of(BATCHES), of(BATCHES)], None, Sink::TakesAll);
        assert!(matches!(ended.result, Some(Ok(()))), "{ended:?}");
        assert!(ended.seemed_whole);
        assert_eq!(ended.at_work, 0);
    });
}

#[test]
fn a_lane_that_fails_in_the_first_stream_stops_all() {
    each_cut(|cut| {
        each_fault(cut, Place::First, |fault| {
            // A pass before the one that fails must come to its end.
            if cut.passes == 1 {
                assert_fault_is_told(cut, || [endless(), of(BATCHES)], fault);
            } else {
                assert_fault_is_told(cut, || [of(BATCHES), of(BATCHES)], fault);
            }
        });
    });
}

#[test]
fn a_lane_that_fails_in_the_second_stream_stops_all() {
    each_cut(|cut| {
        each_fault(cut, Place::Second, |fault| {
            if cut.passes == 1 && !cut.holds_all() {
                assert_fault_is_told(cut, || [of(BATCHES), endless()], fault);
            } else {
                assert_fault_is_told(cut, || [of(BATCHES), of(BATCHES)], fault);
            }
        });
    });
}

#[test]
fn a_lane_that_fails_at_the_end_stops_all() {
    each_cut(|cut| {
        each_fault(cut, Place::Finish, |fault| {
            assert_fault_is_told(cut, || [of(BATCHES), of(BATCHES)], fault);
        });
    });
}

#[test]
fn a_stream_that_fails_stops_all() {
    for way in [Way::Error, Way::Panic] {
        each_cut(|cut| {
            for after in [0, 40] {
                let error = Stopped::Outside("the stream broke off");
                let case = format!("{way:?} after {after} batches in {cut:?}");
                let first = move || [failing_after(after, way), of(BATCHES)];
                ended(cut, first, None, Sink::TakesAll).assert_told(way, &error, &case);
                let second = move || [of(BATCHES), failing_after(after, way)];
                ended(cut, second, None, Sink::TakesAll).assert_told(way, &error, &case);
            }
        });
    }
}

#[test]
fn a_sink_that_fails_stops_all() {
    for way in [Way::Error, Way::Panic] {
        each_cut(|cut| {
            let error = Stopped::Outside("the sink is full");
            let case = format!("{way:?} in {cut:?}");
            let streams = move || {
                let second = if cut.holds_all() {
                    of(BATCHES)
                } else {
                    endless()
                };
                [of(BATCHES), second]
            };
            ended(cut, streams, None, Sink::Fails(way)).assert_told(way, &error, &case);
        });
    }
}
