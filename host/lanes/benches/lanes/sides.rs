//! The ways of running the same lookup, as tasks of the lanes.

use std::{
    cell::Cell,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use arrow_array::{RecordBatch, RecordBatchReader};
use wigeon_lanes::{Follow, Inlet, Pass, run};
use wigeon_point_in_time::PointInTime;
use wigeon_runtime::{
    IncrementalInput, IncrementalInstance, Limits, Plugin, PluginId, Runtime, Task,
};
use wigeon_sdk::native::Load;

use crate::{
    Settings,
    ipc::IpcPlugin,
    rows::{Keys, completed_schema, lookup, lookup_schema, rows, rows_schema},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Native,
    Component,
    Copying,
    Ipc,
}

impl Side {
    pub(crate) const ALL: [Self; 4] = [Self::Native, Self::Component, Self::Copying, Self::Ipc];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Component => "component",
            Self::Copying => "copying",
            Self::Ipc => "ipc",
        }
    }
}

/// What one round of a side took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// Until the lookup was handed over.
    pub(crate) lookup: Duration,
    /// From then until all rows were there.
    pub(crate) probes: Duration,
    /// Bytes copied into the plugin after the lookup.
    pub(crate) bytes_in: u64,
    /// Bytes copied out of it.
    pub(crate) bytes_out: u64,
}

/// Bytes that crossed the boundary for rows, not for the lookup.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

impl Copied {
    pub(crate) fn add_in(&self, bytes: u64) {
        self.bytes_in.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn add_out(&self, bytes: u64) {
        self.bytes_out.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Everything that is made before anything is measured.
pub(crate) struct Sides {
    key: Keys,
    lanes: usize,
    probes: usize,
    lookup: Vec<RecordBatch>,
    rows: Vec<RecordBatch>,
    point_in_time: Plugin,
    copying: Plugin,
    ipc: IpcPlugin,
}

impl Sides {
    pub(crate) fn new(settings: &Settings) -> Self {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let scratch = wigeon_build::scratch_beside(Path::new(env!("CARGO_TARGET_TMPDIR")));
        let component = |package: &str| {
            wigeon_build::component(&workspace, package, &scratch).expect("the guest compiles")
        };
        let runtime = Runtime::new(None);
        let plugin = |package: &str| {
            let id = PluginId {
                reference: package.to_owned(),
                digest: "sha256:bench".to_owned(),
            };
            runtime.load(&id, &component(package)).expect("it loads")
        };
        Self {
            key: settings.key,
            lanes: settings.lanes,
            probes: settings.probes,
            lookup: lookup(settings.key, settings.keys, settings.batch),
            rows: rows(settings.key, settings.keys, settings.batch),
            point_in_time: plugin("wigeon-point-in-time"),
            copying: plugin("wigeon-copying-yardstick"),
            ipc: IpcPlugin::compile(&component("wigeon-ipc-yardstick")),
        }
    }

    pub(crate) fn measure(&self, side: Side) -> Measured {
        let copied = Copied::default();
        let component = |plugin, options: &str| Component {
            instance: open(plugin, self.key, options),
            copied: &copied,
            before: None,
        };
        match side {
            Side::Native => self.run(|| Native::open(self.key), &copied),
            Side::Component => {
                let options = options().to_string();
                self.run(|| component(&self.point_in_time, &options), &copied)
            }
            Side::Copying => self.run(|| component(&self.copying, "{}"), &copied),
            Side::Ipc => self.run(|| self.ipc.open(&copied), &copied),
        }
    }

    /// Opens a task for each lane and runs them.
    fn run<T>(&self, task: impl Fn() -> T + Send + Sync, copied: &Copied) -> Measured
    where
        T: Task<Error = String> + Send,
    {
        let lookup_ended = AtomicU64::new(0);
        let start = Instant::now();
        let since_start = || u64::try_from(start.elapsed().as_nanos()).expect("not so long");
        let open = |_| {
            let ended = std::iter::from_fn(|| {
                lookup_ended.store(since_start(), Ordering::Relaxed);
                None
            });
            let left = Cell::new(self.probes);
            let probes = self.rows.iter().cycle().map_while(move |batch| {
                let rows = batch.num_rows().min(left.get());
                left.set(left.get() - rows);
                (rows > 0).then(|| Ok(batch.slice(0, rows)))
            });
            Ok(Pass {
                tasks: (0..self.lanes).map(|_| task()).collect(),
                first: Inlet {
                    rows: Box::new(self.lookup.iter().cloned().map(Ok).chain(ended)),
                    key: vec![0],
                },
                second: Inlet {
                    rows: Box::new(probes),
                    key: vec![0],
                },
                budget: None,
            })
        };
        let sink = |rows: Box<dyn RecordBatchReader + Send>| -> Result<usize, String> {
            rows.map(|batch| Ok(batch.map_err(|error| error.to_string())?.num_rows()))
                .sum()
        };
        let emitted = run(1, open, &completed_schema(self.key), &Unfollowed, sink);
        let whole = start.elapsed();
        let emitted = emitted.unwrap_or_else(|stopped| panic!("the lanes stopped: {stopped:?}"));
        assert_eq!(emitted, self.probes);
        let lookup = Duration::from_nanos(lookup_ended.into_inner());
        Measured {
            lookup,
            probes: whole.saturating_sub(lookup),
            bytes_in: copied.bytes_in.load(Ordering::Relaxed),
            bytes_out: copied.bytes_out.load(Ordering::Relaxed),
        }
    }
}

struct Unfollowed;

impl Follow for Unfollowed {
    fn took(&self, _: u64) {}

    fn gave(&self, _: u64) {}

    fn is_cancelled(&self) -> bool {
        false
    }
}

/// The plugin's code in this process.
struct Native {
    load: Load<PointInTime>,
}

impl Native {
    fn open(key: Keys) -> Self {
        let input = wigeon_sdk::IncrementalInput {
            rows: rows_schema(key).as_ref().clone(),
            rows_key: vec![0],
            lookup: lookup_schema(key).as_ref().clone(),
            lookup_key: vec![0],
        };
        Self {
            load: Load::open(options(), input).expect("the options are right"),
        }
    }
}

impl Task for Native {
    type Error = String;

    fn first(&mut self, batch: RecordBatch) -> Result<(), String> {
        self.load
            .lookup(&batch)
            .map_err(|error| format!("{error:?}"))
    }

    fn second(&mut self, batch: RecordBatch) -> Result<Vec<RecordBatch>, String> {
        self.load.rows(&batch).map_err(|error| format!("{error:?}"))
    }

    fn finish(&mut self) -> Result<Vec<RecordBatch>, String> {
        Ok(vec![])
    }
}

/// A plugin in its sandbox.
struct Component<'a> {
    instance: IncrementalInstance,
    copied: &'a Copied,
    /// The bytes that were copied in when the first rows came.
    before: Option<u64>,
}

fn open(plugin: &Plugin, key: Keys, options: &str) -> IncrementalInstance {
    let input = IncrementalInput {
        rows: rows_schema(key),
        rows_key: vec![0],
        lookup: lookup_schema(key),
        lookup_key: vec![0],
    };
    let limits = Limits {
        memory_bytes: 4 << 30,
        ..Limits::default()
    };
    IncrementalInstance::open(plugin, limits, options, &input).expect("it opens")
}

impl Task for Component<'_> {
    type Error = String;

    fn first(&mut self, batch: RecordBatch) -> Result<(), String> {
        self.instance
            .first(batch)
            .map_err(|error| error.to_string())
    }

    fn second(&mut self, batch: RecordBatch) -> Result<Vec<RecordBatch>, String> {
        let copied = self.instance.traffic().bytes_in;
        self.before.get_or_insert(copied);
        let emitted = self.instance.second(batch);
        emitted.map_err(|error| error.to_string())
    }

    fn finish(&mut self) -> Result<Vec<RecordBatch>, String> {
        let traffic = self.instance.traffic();
        let before = self.before.unwrap_or(traffic.bytes_in);
        self.copied.add_in(traffic.bytes_in - before);
        self.copied.add_out(traffic.bytes_out);
        Task::finish(&mut self.instance).map_err(|error| error.to_string())
    }
}

fn options() -> serde_json::Value {
    serde_json::json!({
        "event_time": "event_time",
        "as_was": { "as_was": "payload" },
        "as_is": { "as_is": "payload" },
        "changed_at": "changed_at",
    })
}
