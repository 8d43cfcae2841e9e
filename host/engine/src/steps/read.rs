//! Reading a step's input: source, transforms, columns.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use wigeon_manifest::{ExtraColumns, Format, MissingLineEnd, Source};
use wigeon_runtime::TransformInstance;
use wigeon_warehouse::{
    AttachedColumns, FileIdentity, FileSource, ReadError, RejectedRow, RowStream, SourceFormat,
    Watermark,
};

use super::StepRun;
use crate::{
    DataError, EngineError, Point,
    inputs::{NewFile, NewTable, attached},
    resolved::Chain,
    schemas::{conform, field},
};

/// A stream of the step's rows.
pub(super) type Rows<'a> = wigeon_lanes::Rows<'a, EngineError>;

/// Rows that were rejected, known when the stream has ended.
#[derive(Clone, Default)]
pub(super) struct Rejected(Arc<Mutex<Vec<RejectedRow>>>);

impl Rejected {
    pub(super) fn take(&self) -> Vec<RejectedRow> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl StepRun<'_> {
    /// Takes the digests of files that are about to be read, as many at once as there are threads.
    /// That also finds a gzip file that is cut off.
    pub(super) fn digested(
        &self,
        chain: &Chain<'_>,
        files: &[NewFile],
    ) -> Result<Vec<NewFile>, EngineError> {
        let source = file_source(chain.source);
        let digested = |file: &NewFile| {
            let mut file = file.clone();
            if self.run.cancellation.is_cancelled() {
                return Err(self.cancelled());
            }
            let taken = file
                .identity
                .take_digest(&source, files.len() < self.run.threads);
            taken.map_err(|source| self.read_error(source))?;
            self.check_loaded(&file)?;
            Ok(file)
        };
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = vec![];
            while let Some(place) = Some(next.fetch_add(1, Ordering::Relaxed))
                && let Some(file) = files.get(place)
            {
                done.push((place, digested(file)));
            }
            done
        };
        let mut done = thread::scope(|scope| {
            let others: Vec<_> = (1..self.run.threads.min(files.len()))
                .map(|_| scope.spawn(work))
                .collect();
            let mut done = work();
            for other in others {
                done.extend(other.join().expect("taking a digest does not panic"));
            }
            done
        });
        done.sort_by_key(|(place, _)| *place);
        let done = done.into_iter().map(|(_, file)| file);
        let done = done.collect::<Result<_, _>>()?;
        self.reached(Point::Digested);
        Ok(done)
    }

    /// Refuses a file that is to be read once more and is not what it was.
    fn check_loaded(&self, file: &NewFile) -> Result<(), EngineError> {
        let now = file.identity.digest.clone().unwrap_or_default();
        match &file.loaded {
            Some(loaded) if loaded.digest != now => Err(self.data_error(DataError::ChangedFile {
                path: file.identity.path.clone(),
                loaded_at: loaded.at.clone(),
                before: loaded.digest.clone(),
                now,
            })),
            _ => Ok(()),
        }
    }

    /// Opens the rows of files as the step's input.
    pub(super) fn read_files<'a>(
        &self,
        chain: &'a Chain<'_>,
        files: &[NewFile],
        at_once: bool,
    ) -> Result<(Rows<'a>, Rejected), EngineError> {
        let identities: Vec<FileIdentity> = files.iter().map(|f| f.identity.clone()).collect();
        let (warehouse, source) = (self.run.warehouse, file_source(chain.source));
        let columns = &chain.projection;
        let known = self.replay.map_or(0, |replay| replay.rows_rejected);
        let rejects = self.resolved.step.max_rejected_rows.max(known);
        let stream = if at_once {
            warehouse.read_files_at_once(&source, &identities, columns, rejects)
        } else {
            warehouse.read_files(&source, &identities, columns, rejects)
        };
        let stream = stream.map_err(|source| self.read_error(source))?;
        let rejected = Rejected::default();
        let rows = Watched {
            stream,
            step: self.name().to_owned(),
            rejected: rejected.clone(),
        };
        Ok((self.through(chain, Box::new(rows))?, rejected))
    }

    /// Opens the new rows of a table of another DuckDB file as the step's input.
    pub(super) fn read_attached<'a>(
        &self,
        chain: &'a Chain<'_>,
        table: &NewTable,
    ) -> Result<Rows<'a>, EngineError> {
        let source = chain.source;
        let (path, rows, _) = attached(source, self.run.project.directory())
            .expect("new tables are found in tables only");
        let declared: Vec<_> = source.columns.iter().map(field).collect();
        let columns = AttachedColumns {
            declared: &declared,
            projection: &chain.projection,
            ignore_extra: source.extra_columns == ExtraColumns::Ignore,
        };
        let watermark = source.watermark.as_ref().filter(|_| table.up_to.is_some());
        let watermark = watermark.map(|column| Watermark {
            column: column.clone(),
            after: table.after.clone(),
            up_to: table.up_to.clone(),
        });
        let stream = self
            .run
            .warehouse
            .read_attached(&path, &rows, columns, watermark.as_ref())
            .map_err(|source| self.read_error(source))?;
        self.through(chain, Box::new(self.own(stream)))
    }

    /// Gives a stream the step's errors.
    pub(super) fn own(
        &self,
        stream: RowStream,
    ) -> impl Iterator<Item = Result<RecordBatch, EngineError>> + Send + use<> {
        Watched {
            stream,
            step: self.name().to_owned(),
            rejected: Rejected::default(),
        }
    }

    /// A stream of the warehouse's own tables, in the schema that the plugin was told.
    pub(super) fn conformed(&self, stream: RowStream, schema: &SchemaRef) -> Rows<'static> {
        let (schema, step) = (SchemaRef::clone(schema), self.name().to_owned());
        Box::new(self.own(stream).map(move |batch| {
            conform(&batch?, &schema).map_err(|source| EngineError::Arrow {
                step: step.clone(),
                source,
            })
        }))
    }

    /// Several streams of the warehouse's own tables that are read at the same time, as one: a
    /// batch of each in turn, until all have ended.
    pub(super) fn conformed_parts(
        &self,
        parts: Vec<RowStream>,
        schema: &SchemaRef,
    ) -> Rows<'static> {
        let conformed = parts.into_iter().map(|part| self.conformed(part, schema));
        let mut streams: VecDeque<_> = conformed.collect();
        Box::new(std::iter::from_fn(move || {
            while let Some(mut stream) = streams.pop_front() {
                if let Some(batch) = stream.next() {
                    streams.push_back(stream);
                    return Some(batch);
                }
            }
            None
        }))
    }

    /// Applies the transforms of a chain, and takes the step's columns.
    fn through<'a>(&self, chain: &'a Chain<'_>, rows: Rows<'a>) -> Result<Rows<'a>, EngineError> {
        let mut rows = rows;
        for transform in &chain.transforms {
            let configured = &transform.configured;
            let instance = TransformInstance::open(
                &configured.plugin,
                configured.limits,
                &configured.options,
                &transform.input,
            );
            let instance = instance.map_err(|source| EngineError::OpenStep {
                step: transform.step.clone(),
                source,
            })?;
            rows = Box::new(Transformed {
                rows,
                instance,
                columns: &transform.columns,
                step: &transform.step,
                waiting: vec![].into_iter(),
            });
        }
        let step = self.name().to_owned();
        let columns = &chain.columns;
        Ok(Box::new(rows.map(move |batch| {
            let projected = batch?.project(columns);
            projected.map_err(|source| EngineError::Arrow {
                step: step.clone(),
                source,
            })
        })))
    }

    pub(super) fn read_error(&self, source: ReadError) -> EngineError {
        if self.run.cancellation.is_cancelled() {
            return self.cancelled();
        }
        EngineError::Read {
            step: self.name().to_owned(),
            source,
        }
    }

    pub(super) fn data_error(&self, source: DataError) -> EngineError {
        EngineError::Data {
            step: self.name().to_owned(),
            source,
        }
    }
}

/// A stream of the warehouse with the step's errors, which tells its rejected rows at the end.
struct Watched {
    stream: RowStream,
    step: String,
    rejected: Rejected,
}

impl Iterator for Watched {
    type Item = Result<RecordBatch, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some(batch) = self.stream.next() else {
            let mut rejected = self
                .rejected
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *rejected = self.stream.rejected().to_vec();
            return None;
        };
        Some(batch.map_err(|source| EngineError::Read {
            step: self.step.clone(),
            source,
        }))
    }
}

/// Rows behind a transform.
struct Transformed<'a> {
    rows: Rows<'a>,
    instance: TransformInstance,
    columns: &'a [usize],
    step: &'a str,
    waiting: std::vec::IntoIter<RecordBatch>,
}

impl Iterator for Transformed<'_> {
    type Item = Result<RecordBatch, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(batch) = self.waiting.next() {
                return Some(Ok(batch));
            }
            let transformed = self.rows.next()?.and_then(|batch| {
                let input = batch
                    .project(self.columns)
                    .map_err(|source| EngineError::Arrow {
                        step: self.step.to_owned(),
                        source,
                    })?;
                self.instance
                    .rows(input)
                    .map_err(|source| EngineError::Plugin {
                        step: self.step.to_owned(),
                        source,
                    })
            });
            match transformed {
                Ok(batches) => self.waiting = batches.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// Returns a source of files as the warehouse reads it.
pub(crate) fn file_source(source: &Source) -> FileSource {
    FileSource {
        format: match &source.format {
            Format::Csv {
                delimiter,
                null_value,
                ..
            } => SourceFormat::Csv {
                delimiter: *delimiter,
                null_value: null_value.clone(),
            },
            Format::Parquet => SourceFormat::Parquet,
            // A DuckDB file is read by `read_attached`.
            Format::Ndjson { .. } | Format::DuckDb => SourceFormat::Ndjson,
        },
        columns: source.columns.iter().map(field).collect(),
        ignore_extra_columns: source.extra_columns == ExtraColumns::Ignore,
        accept_missing_line_end: matches!(
            source.format,
            Format::Csv {
                missing_line_end: MissingLineEnd::Accept,
                ..
            } | Format::Ndjson {
                missing_line_end: MissingLineEnd::Accept,
            }
        ),
    }
}
