//! Rows on their way out of DuckDB.
//!
//! A connection and its statement borrow from each other and belong to one thread, so a
//! stream has a thread that owns them and sends batches through a queue.

mod queue;

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use arrow_array::{RecordBatch, RecordBatchOptions, StructArray};
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::concat::concat_batches;

use self::queue::{Inlet, Outlet};
use crate::{
    c_interface::Connection,
    error::{DatabaseError, ReadError},
    reader::panic_text,
    source::RejectedRow,
};

/// How far the thread that reads may be ahead of the one that uses the rows, in bytes of these, so
/// that neither often waits for the other.
const AHEAD_BYTES: usize = 32 << 20;

/// How far it may be until the first row is asked for. Rows that wait for those of another stream
/// would be read by threads which that one needs.
const UNASKED_BYTES: usize = 2 << 20;

/// DuckDB's batches, of 2,048 rows, are joined until they have so many rows, or bytes.
const BATCH_ROWS: usize = 8_192;
const BATCH_BYTES: usize = 1 << 20;

/// What is done when all rows were read: the rejected rows are looked up, or an error found.
pub(crate) type Finish = Box<dyn FnOnce(&Connection) -> Result<Vec<RejectedRow>, ReadError> + Send>;

/// What is done when the statement failed: finds a better error than DuckDB's.
pub(crate) type Explain = Box<dyn FnOnce(&Connection, DatabaseError) -> ReadError + Send>;

/// Takes a batch, and says whether more are wanted.
pub(crate) type Emit<'a> = dyn FnMut(RecordBatch) -> Result<bool, ReadError> + 'a;

/// A statement to stream, and what belongs to it.
pub(crate) struct Statement {
    sql: String,
    schema: Option<SchemaRef>,
    finish: Option<Finish>,
    explain: Option<Explain>,
    guard: Option<Box<dyn Any + Send>>,
    at_once: bool,
}

impl Statement {
    pub(crate) fn new(sql: String) -> Self {
        Self {
            sql,
            schema: None,
            finish: None,
            explain: None,
            guard: None,
            at_once: false,
        }
    }

    /// Runs the statement to its end before any row is handed out.
    pub(crate) fn at_once(mut self) -> Self {
        self.at_once = true;
        self
    }

    /// Declares the schema of the rows, which must have the types that DuckDB gives.
    pub(crate) fn with_schema(mut self, schema: SchemaRef) -> Self {
        self.schema = Some(schema);
        self
    }

    pub(crate) fn with_finish(mut self, finish: Finish) -> Self {
        self.finish = Some(finish);
        self
    }

    pub(crate) fn with_explain(mut self, explain: Explain) -> Self {
        self.explain = Some(explain);
        self
    }

    /// Keeps something until the stream has ended, a stage that it reads for instance.
    pub(crate) fn with_guard(mut self, guard: impl Any + Send) -> Self {
        self.guard = Some(Box::new(guard));
        self
    }
}

/// A stream of record batches, read ahead by a thread of its own.
///
/// After an error it ends. Dropping it stops the reading and waits for the thread.
pub struct RowStream {
    schema: SchemaRef,
    messages: Option<Outlet<Message>>,
    /// Whether a row was asked for.
    asked: bool,
    rejected: Vec<RejectedRow>,
    /// What comes when this one has ended.
    rest: Option<Box<Self>>,
    stop: Arc<AtomicBool>,
    interrupt: Arc<duckdb::InterruptHandle>,
    done: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

enum Message {
    Started(SchemaRef),
    Batch(RecordBatch),
    Finished(Vec<RejectedRow>),
    Failed(ReadError),
}

impl RowStream {
    /// Starts a statement and returns when it runs.
    pub(crate) fn start(connection: Connection, statement: Statement) -> Result<Self, ReadError> {
        Self::spawn(connection, move |connection, sender, stop| {
            read(connection, statement, sender, stop)
        })
    }

    /// Starts what makes batches of a schema, one after the other, and returns the rejected rows.
    pub(crate) fn produce(
        connection: Connection,
        schema: SchemaRef,
        produce: impl FnOnce(&Connection, &mut Emit<'_>) -> Result<Vec<RejectedRow>, ReadError>
        + Send
        + 'static,
    ) -> Result<Self, ReadError> {
        Self::spawn(connection, move |connection, sender, stop| {
            if !sender.send(Message::Started(schema), 0) {
                return Ok(Vec::new());
            }
            let mut waiting = Waiting::default();
            let rejected = produce(connection, &mut |batch: RecordBatch| {
                if stop.load(Ordering::Acquire) {
                    return Ok(false);
                }
                let joined = waiting.push(batch).map_err(ReadError::Schema)?;
                Ok(joined.is_none_or(|batch| send(sender, batch)))
            })?;
            if let Some(batch) = waiting.take().map_err(ReadError::Schema)?
                && !send(sender, batch)
            {
                return Ok(Vec::new());
            }
            Ok(rejected)
        })
    }

    /// Starts the thread, and returns when it has told the schema.
    fn spawn(
        connection: Connection,
        read: impl FnOnce(
            &Connection,
            &Inlet<Message>,
            &AtomicBool,
        ) -> Result<Vec<RejectedRow>, ReadError>
        + Send
        + 'static,
    ) -> Result<Self, ReadError> {
        let (sender, messages) = queue::queue(UNASKED_BYTES);
        let (alive, done) = sync_channel(0);
        let stop = Arc::new(AtomicBool::new(false));
        let interrupt = connection.interrupt_handle();
        let reading = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("wigeon-read".to_owned())
            .spawn(move || {
                // Dropped when the thread ends, which the receiver notices.
                let _alive: SyncSender<()> = alive;
                let read = AssertUnwindSafe(|| read(&connection, &sender, &reading));
                let end = match catch_unwind(read) {
                    Ok(Ok(rejected)) => Message::Finished(rejected),
                    Ok(Err(error)) => Message::Failed(error),
                    Err(panic) => Message::Failed(ReadError::Database(DatabaseError::new(
                        panic_text(panic.as_ref()),
                    ))),
                };
                // Nobody may be listening any more, and that is fine.
                let _sent = sender.send(end, 0);
            })
            .map_err(|source| ReadError::Unreadable {
                path: "a thread for reading".to_owned(),
                source,
            })?;
        let mut stream = Self {
            schema: Arc::new(arrow_schema::Schema::empty()),
            messages: Some(messages),
            asked: false,
            rejected: Vec::new(),
            rest: None,
            stop,
            interrupt,
            done,
            thread: Some(thread),
        };
        match stream.receive() {
            Some(Message::Started(schema)) => {
                stream.schema = schema;
                Ok(stream)
            }
            Some(Message::Failed(error)) => Err(error),
            _ => Err(ReadError::Database(DatabaseError::new(
                "the reading thread ended",
            ))),
        }
    }

    /// Lets the rows of a stream with the same schema come when those of this one have.
    pub(crate) fn followed_by(mut self, rest: Self) -> Self {
        self.rest = Some(Box::new(rest));
        self
    }

    /// Returns the schema of every batch.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Returns the malformed rows that were left out, by path and line.
    ///
    /// Complete only when the stream has ended without an error.
    pub fn rejected(&self) -> &[RejectedRow] {
        &self.rejected
    }

    fn receive(&mut self) -> Option<Message> {
        self.messages.as_ref()?.receive()
    }

    fn finish(&mut self) {
        self.messages = None;
        if let Some(thread) = self.thread.take() {
            self.stop.store(true, Ordering::Release);
            // An interrupt between two statements is lost, hence the repetition.
            while self.done.recv_timeout(Duration::from_millis(2)) == Err(RecvTimeoutError::Timeout)
            {
                self.interrupt.interrupt();
            }
            // A panic was caught in the thread and has been told.
            let _ended = thread.join();
        }
    }
}

impl Iterator for RowStream {
    type Item = Result<RecordBatch, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if !self.asked {
            self.asked = true;
            self.messages.as_ref()?.make_room(AHEAD_BYTES);
        }
        match self.receive()? {
            Message::Batch(batch) => Some(Ok(batch)),
            Message::Finished(rejected) => {
                self.rejected.extend(rejected);
                self.finish();
                let mut rest = *self.rest.take()?;
                rest.rejected = std::mem::take(&mut self.rejected);
                *self = rest;
                self.next()
            }
            Message::Failed(error) => {
                self.finish();
                self.rest = None;
                Some(Err(error))
            }
            Message::Started(_) => self.next(),
        }
    }
}

impl Drop for RowStream {
    fn drop(&mut self) {
        self.finish();
    }
}

impl fmt::Debug for RowStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RowStream")
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

fn read(
    connection: &Connection,
    mut statement: Statement,
    sender: &Inlet<Message>,
    stop: &AtomicBool,
) -> Result<Vec<RejectedRow>, ReadError> {
    let _guard = statement.guard.take();
    let streamed = send_batches(connection, &statement, sender, stop);
    let interrupted = connection.instance().interrupted();
    match (streamed, statement.finish, statement.explain) {
        (Ok(true), Some(finish), _) => finish(connection),
        (Ok(_), ..) => Ok(Vec::new()),
        (Err(_), ..) if interrupted => Err(ReadError::Interrupted),
        (Err(StreamError::Database(error)), _, Some(explain)) => Err(explain(connection, error)),
        (Err(StreamError::Database(error)), ..) => Err(ReadError::Database(error)),
        (Err(StreamError::Schema(error)), ..) => Err(ReadError::Schema(error)),
    }
}

enum StreamError {
    Database(DatabaseError),
    Schema(ArrowError),
}

impl From<duckdb::Error> for StreamError {
    fn from(error: duckdb::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Sends all batches; false if nobody wants them any more.
fn send_batches(
    connection: &Connection,
    statement: &Statement,
    sender: &Inlet<Message>,
    stop: &AtomicBool,
) -> Result<bool, StreamError> {
    let mut prepared = connection.prepare(&statement.sql)?;
    if stop.load(Ordering::Acquire) {
        return Ok(false);
    }
    // The iterators that these return panic on errors, so the rows are fetched by `step`.
    let found = if statement.at_once {
        prepared.query_arrow([])?.get_schema()
    } else {
        prepared.stream_arrow([])?.get_schema()
    };
    let schema = match &statement.schema {
        None => found,
        Some(declared) => Arc::clone(declared),
    };
    if !sender.send(Message::Started(Arc::clone(&schema)), 0) {
        return Ok(false);
    }
    let mut waiting = Waiting::default();
    while let Some(rows) = prepared.step()? {
        let batch = to_batch(rows, &schema).map_err(StreamError::Schema)?;
        if let Some(batch) = waiting.push(batch).map_err(StreamError::Schema)?
            && !send(sender, batch)
        {
            return Ok(false);
        }
    }
    if let Some(batch) = waiting.take().map_err(StreamError::Schema)? {
        return Ok(send(sender, batch));
    }
    Ok(true)
}

/// Sends a batch; false if nobody wants it any more.
fn send(sender: &Inlet<Message>, batch: RecordBatch) -> bool {
    let bytes = batch.get_array_memory_size();
    sender.send(Message::Batch(batch), bytes)
}

/// Batches that are to be one.
#[derive(Default)]
struct Waiting {
    batches: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

impl Waiting {
    /// Adds a batch, and returns all as one when they are enough.
    fn push(&mut self, batch: RecordBatch) -> Result<Option<RecordBatch>, ArrowError> {
        self.rows += batch.num_rows();
        self.bytes += batch.get_array_memory_size();
        self.batches.push(batch);
        if self.rows < BATCH_ROWS && self.bytes < BATCH_BYTES {
            return Ok(None);
        }
        self.take()
    }

    /// Returns all as one; none if there is none.
    fn take(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        let Self { batches, .. } = std::mem::take(self);
        match batches.as_slice() {
            [] => Ok(None),
            [batch] => Ok(Some(batch.clone())),
            [first, ..] => concat_batches(first.schema_ref(), &batches).map(Some),
        }
    }
}

fn to_batch(rows: StructArray, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let options = RecordBatchOptions::new().with_row_count(Some(arrow_array::Array::len(&rows)));
    let (_, columns, _) = rows.into_parts();
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}
