//! A case, and what every case must show.

use std::{
    collections::HashMap,
    env,
    error::Error,
    fmt::Write as _,
    path::Path,
    sync::{Arc, LazyLock},
    thread,
    time::{Duration, Instant},
};

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use wigeon_runtime::{
    ChangeDetectionInput, ChangeDetectionInstance, IncrementalInput, IncrementalInstance, Kind,
    Limit, Limits, LoadError, OpenError, Plugin, PluginError, PluginId, Runtime, SnapshotInput,
    SnapshotInstance, TransformInstance,
};

/// What an instance may use here.
pub(crate) const MEMORY: usize = 64 << 20;
pub(crate) const OUTPUT: u64 = 32 << 20;
const CALL_TIMEOUT: Duration = Duration::from_millis(500);
/// How long a case may take: several calls, on a machine that has other tests to run as well.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take with loading, which is not bounded by the limits of a step.
const PATIENCE_WITH_LOADING: Duration = Duration::from_secs(30);
/// The most memory that this process may ever have had, with all that it compiles at once.
const PEAK_BYTES: u64 = 3 << 30;
/// The longest message: the plugin's texts in it are cut.
const MESSAGE_BYTES: usize = 8 << 10;

/// How a guest failed, as the errors tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It did not: what it did harms nobody.
    None,
    Answered,
    Trapped,
    Memory,
    CallTime,
    OutputRows,
    OutputBytes,
    SentBytes,
    Handles,
    Breach,
    NotAComponent,
    NotWebAssembly,
    CoreModule,
    Import,
    ContractVersion,
    NoStep,
    Exports,
}

/// Who misbehaves.
#[derive(Debug, Clone)]
pub(crate) enum Guest {
    /// The hostile guest of a kind, with these orders.
    Told(Kind, String),
    /// The hostile transform, with an order for `describe`.
    Describing(&'static str),
    /// A component of its own, or what is none.
    Bytes(Vec<u8>),
}

/// A guest, and what the host must say of it.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    guest: Guest,
    /// The ways of failing that are right, each with the words that it must say.
    expected: Vec<(Failure, &'static str)>,
}

impl Case {
    pub(crate) fn new(
        name: &'static str,
        guest: Guest,
        expected: Failure,
        words: &'static str,
    ) -> Self {
        let expected = vec![(expected, words)];
        Self {
            name,
            guest,
            expected,
        }
    }

    /// A case of the hostile guest.
    pub(crate) fn told(
        name: &'static str,
        kind: Kind,
        orders: impl Into<String>,
        expected: Failure,
        words: &'static str,
    ) -> Self {
        Self::new(name, Guest::Told(kind, orders.into()), expected, words)
    }

    /// Allows another way of failing: which of two limits is reached first may depend on the
    /// machine.
    pub(crate) fn or(mut self, failure: Failure, words: &'static str) -> Self {
        self.expected.push((failure, words));
        self
    }

    /// Whether the guest is one of those that are loaded once for all cases.
    pub(crate) fn is_loaded(&self) -> bool {
        matches!(self.guest, Guest::Told(..))
    }
}

/// Why a guest was stopped, from loading to its last call.
#[derive(Debug)]
pub(crate) enum Stopped {
    Load(LoadError),
    Open(OpenError),
    Call(PluginError),
}

impl From<LoadError> for Stopped {
    fn from(error: LoadError) -> Self {
        Self::Load(error)
    }
}

impl From<OpenError> for Stopped {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<PluginError> for Stopped {
    fn from(error: PluginError) -> Self {
        Self::Call(error)
    }
}

impl Stopped {
    fn failure(&self) -> Failure {
        match self {
            Self::Load(LoadError::Describe(error))
            | Self::Open(OpenError::Plugin(error))
            | Self::Call(error) => match error {
                PluginError::Answered { .. } => Failure::Answered,
                PluginError::Trapped { .. } => Failure::Trapped,
                PluginError::BrokeContract { .. } => Failure::Breach,
                PluginError::LimitReached { limit, .. } => match limit {
                    Limit::Memory { .. } => Failure::Memory,
                    Limit::CallTime { .. } => Failure::CallTime,
                    Limit::OutputRows { .. } => Failure::OutputRows,
                    Limit::OutputBytes { .. } => Failure::OutputBytes,
                    Limit::SentBytes { .. } => Failure::SentBytes,
                    Limit::Handles { .. } => Failure::Handles,
                },
                PluginError::Stopped { .. } => panic!("nobody stops it: {error}"),
            },
            Self::Load(error) => match error {
                LoadError::NotAComponent { .. } => Failure::NotAComponent,
                LoadError::NotWebAssembly { .. } => Failure::NotWebAssembly,
                LoadError::CoreModule { .. } => Failure::CoreModule,
                LoadError::Import { .. } => Failure::Import,
                LoadError::ContractVersion { .. } => Failure::ContractVersion,
                LoadError::NoStep { .. } => Failure::NoStep,
                LoadError::Exports { .. } => Failure::Exports,
                error @ LoadError::Describe(_) => panic!("this is not a case: {error}"),
            },
            Self::Open(error) => panic!("the host is wrong: {error}"),
        }
    }

    /// Returns the message with its causes.
    fn text(&self) -> String {
        let error: &dyn Error = match self {
            Self::Load(error) => error,
            Self::Open(error) => error,
            Self::Call(error) => error,
        };
        let causes = std::iter::successors(Some(error), |&error| error.source());
        let texts: Vec<_> = causes.map(ToString::to_string).collect();
        texts.join(": ")
    }
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new(None));

static COMPONENTS: LazyLock<HashMap<Kind, Vec<u8>>> = LazyLock::new(|| {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let test = env::current_exe().expect("the test's own path");
    let scratch = wigeon_build::scratch_beside(&test);
    let compiled = |kind: Kind| {
        let package = format!("wigeon-hostile-{kind}");
        let component = wigeon_build::component(&workspace, &package, &scratch);
        (kind, component.expect("the guest compiles"))
    };
    Kind::ALL.into_iter().map(compiled).collect()
});

static PLUGINS: LazyLock<HashMap<Kind, Plugin>> = LazyLock::new(|| {
    let loaded = |(kind, bytes): (&Kind, &Vec<u8>)| {
        let plugin = load(bytes).expect("the guest behaves until it is told not to");
        (*kind, plugin)
    };
    COMPONENTS.iter().map(loaded).collect()
});

/// The hostile guest of a kind, as it is compiled.
pub(crate) fn component(kind: Kind) -> &'static [u8] {
    &COMPONENTS[&kind]
}

/// Loads a component into the runtime that all cases share.
pub(crate) fn load(bytes: &[u8]) -> Result<Plugin, LoadError> {
    RUNTIME.load(&id(), bytes)
}

pub(crate) fn id() -> PluginId {
    PluginId {
        reference: "file:hostile.wasm".to_owned(),
        digest: format!("sha256:{:064}", 0),
    }
}

/// Tries each case, and compares all their messages with the snapshot `table`.
pub(crate) fn try_all(table: &str, cases: &[Case]) {
    let texts: Vec<_> = cases.iter().map(attempt).collect();
    compare(table, cases, &texts);
}

/// The same, all at once.
pub(crate) fn try_at_once(table: &str, cases: &[Case]) {
    let texts: Vec<_> = thread::scope(|scope| {
        let attempts: Vec<_> = cases
            .iter()
            .map(|case| scope.spawn(move || attempt(case)))
            .collect();
        let ended = attempts.into_iter().map(thread::ScopedJoinHandle::join);
        ended.map(|text| text.expect("the case holds")).collect()
    });
    compare(table, cases, &texts);
}

fn compare(table: &str, cases: &[Case], texts: &[String]) {
    let mut told = String::new();
    // What may differ between machines is no text to compare.
    let sure = cases
        .iter()
        .zip(texts)
        .filter(|(case, _)| case.expected.len() == 1);
    for (case, text) in sure {
        writeln!(told, "{}\n  {text}", case.name).expect("text");
    }
    // Where a damaged guest breaks off depends on the compiler that made it.
    let filters = vec![
        (r"offset 0x[0-9a-f]+", "offset [OFFSET]"),
        (r"section range \d+\.\.\d+", "section range [RANGE]"),
        (r"bound = \d+", "bound = [BOUND]"),
    ];
    insta::with_settings!({ omit_expression => true, filters => filters }, {
        insta::assert_snapshot!(table, told);
    });
}

/// Tries one case and returns the host's message.
pub(crate) fn attempt(case: &Case) -> String {
    let name = case.name;
    if case.is_loaded() {
        LazyLock::force(&PLUGINS);
    }
    let start = Instant::now();
    let (patience, result) = match &case.guest {
        Guest::Told(kind, orders) => (PATIENCE, work(&PLUGINS[kind], orders)),
        Guest::Describing(order) => {
            let component = describing(order);
            (PATIENCE_WITH_LOADING, load_and_work(&component))
        }
        Guest::Bytes(bytes) => (PATIENCE_WITH_LOADING, load_and_work(bytes)),
    };
    let elapsed = start.elapsed();
    assert!(elapsed < patience, "`{name}` took {elapsed:?}");

    let (failure, text) = match &result {
        Ok(()) => (Failure::None, "nothing, for it harms nobody".to_owned()),
        Err(stopped) => (stopped.failure(), stopped.text()),
    };
    let expected = case.expected.iter().find(|(due, _)| *due == failure);
    let Some((_, words)) = expected else {
        panic!(
            "`{name}` should end as {:?}, but: {failure:?}, {text}",
            case.expected
        );
    };
    for word in words.split('|') {
        assert!(text.contains(word), "`{name}` should say {word:?}: {text}");
    }
    assert!(
        text.len() <= MESSAGE_BYTES,
        "`{name}` says {} bytes",
        text.len()
    );
    assert!(
        !text.chars().any(|c| c.is_control() && c != '\n'),
        "`{name}` says what a terminal obeys: {text:?}"
    );
    assert!(peak_bytes() < PEAK_BYTES, "`{name}` cost the host memory");
    work(&PLUGINS[&Kind::Transform], "").expect("a good instance works afterwards");
    text
}

fn load_and_work(bytes: &[u8]) -> Result<(), Stopped> {
    work(&load(bytes)?, "")
}

/// Returns the hostile transform with an order for `describe`, which has no options.
pub(crate) fn describing(order: &str) -> Vec<u8> {
    const MARK: &[u8] = b"wigeon-hostile-describe:";
    const LENGTH: usize = 40;
    let mut bytes = component(Kind::Transform).to_vec();
    let places: Vec<_> = (0..bytes.len())
        .filter(|&at| bytes[at..].starts_with(MARK))
        .collect();
    let [at] = places[..] else {
        panic!("the mark is there {} times", places.len())
    };
    let order = format!("{order:LENGTH$}");
    assert_eq!(order.len(), LENGTH, "there is no room for `{order}`");
    let place = at + MARK.len();
    bytes[place..place + LENGTH].copy_from_slice(order.as_bytes());
    bytes
}

/// Makes all calls of a step on a few rows, as the host makes them.
pub(crate) fn work(plugin: &Plugin, orders: &str) -> Result<(), Stopped> {
    let options = format!(r#"{{"do":"{orders}"}}"#);
    let limits = Limits {
        memory_bytes: MEMORY,
        call_timeout: CALL_TIMEOUT,
        output_rows: 1_000_000,
        output_bytes: OUTPUT,
        ..Limits::default()
    };
    let (rows, versions) = (rows(), versions());
    let result = match plugin.kind() {
        Kind::Transform => {
            let mut step = TransformInstance::open(plugin, limits, &options, &rows.schema())?;
            step.rows(rows.clone()).and_then(|_| step.rows(rows))
        }
        Kind::Snapshot => {
            let input = SnapshotInput {
                extract: rows.schema(),
                key: vec![0],
            };
            let mut step = SnapshotInstance::open(plugin, limits, &options, &input)?;
            let result = step.versions(versions);
            let result = result.and_then(|()| step.extract(rows));
            result.and_then(|_| step.finish())
        }
        Kind::Incremental => {
            let input = IncrementalInput {
                rows: rows.schema(),
                rows_key: vec![0],
                lookup: versions.schema(),
                lookup_key: vec![0],
            };
            let mut step = IncrementalInstance::open(plugin, limits, &options, &input)?;
            let result = step.lookup(versions);
            let result = result.and_then(|()| step.rows(rows));
            result.and_then(|_| step.finish())
        }
        Kind::ChangeDetection => {
            let input = ChangeDetectionInput {
                versions: versions.schema(),
                key: vec![0],
            };
            let mut step = ChangeDetectionInstance::open(plugin, limits, &options, &input)?;
            let result = step.applied(versions.clone());
            let result = result.and_then(|()| step.now(versions));
            result.and_then(|()| step.finish())
        }
    };
    result?;
    Ok(())
}

/// Four rows: `id`, `text` with a null, and `at`.
fn rows() -> RecordBatch {
    let id = Int64Array::from(vec![1, 2, 3, 4]);
    let text = StringArray::from(vec![Some("a"), None, Some("c"), Some("d")]);
    let at = TimestampMicrosecondArray::from(vec![10, 20, 30, 40]);
    let columns: Vec<ArrayRef> = vec![Arc::new(id), Arc::new(text), Arc::new(at)];
    RecordBatch::try_new(schema(), columns).expect("rows")
}

/// The same rows as versions, with `valid_from`.
fn versions() -> RecordBatch {
    let rows = rows();
    let mut fields = rows.schema().fields().to_vec();
    fields.push(Arc::new(Field::new("valid_from", instant(), false)));
    let mut columns = rows.columns().to_vec();
    columns.push(Arc::new(TimestampMicrosecondArray::from(vec![0; 4])));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("versions")
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("text", DataType::Utf8, true),
        Field::new("at", instant(), false),
    ]))
}

fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

/// Returns the most memory that this process has had, where the system tells.
pub(crate) fn peak_bytes() -> u64 {
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kibibytes
        .and_then(|text| text.trim().parse::<u64>().ok())
        .unwrap_or(0)
        * 1024
}
