//! CSV files that are written as nearly all are, read without DuckDB.
//!
//! Of a file whose digest was taken it is known whether all its records are fields between
//! delimiters, without a quote, and whether the values of a column have their canonical form. If
//! all that is read has it, reading a file comes to finding the ends of its fields; DuckDB takes
//! several times as long for the same rows, and hands them over once more as Arrow's arrays. Any
//! other file is DuckDB's, which alone decides what is malformed (`csv.rs`).

use std::{
    collections::HashSet,
    io::{self, Read, Seek, SeekFrom},
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread,
};

use arrow_array::{
    ArrayRef, ArrowPrimitiveType, RecordBatch, RecordBatchOptions,
    builder::{ArrayBuilder, PrimitiveBuilder, StringBuilder},
    types::{
        Date32Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, UInt8Type,
        UInt16Type, UInt32Type, UInt64Type,
    },
};
use arrow_schema::{DataType, Field, SchemaRef};
use fs_err::File;
use memchr::{memchr, memchr_iter};

use crate::{
    canonical,
    csv_record::{each_field_end, read_full},
    error::ReadError,
    files::FileIdentity,
    stream::Emit,
};

/// A thread reads so many bytes at once, to the end of the record that begins in them.
const PIECE: u64 = 1 << 21;

/// No more threads take files apart, however many DuckDB has: each takes some megabytes, and they
/// are ahead of whatever is done with the rows.
const MOST_THREADS: usize = 8;

/// Rows of a batch.
const BATCH_ROWS: usize = 8_192;

/// A file, and of each of its columns which one of the result it is, if any.
#[derive(Debug, Clone)]
pub(crate) struct CanonicalFile {
    file: FileIdentity,
    places: Vec<Option<usize>>,
}

/// Files that can be read here.
#[derive(Debug)]
pub(crate) struct CanonicalCsv {
    files: Vec<CanonicalFile>,
    schema: SchemaRef,
    delimiter: u8,
    null_value: String,
    threads: usize,
    piece_bytes: u64,
}

impl CanonicalFile {
    /// Returns a file if the columns of a projection can be read of it here. It has `columns`, in
    /// its order.
    pub(crate) fn new(
        file: &FileIdentity,
        columns: &[Field],
        declared: &[Field],
        projection: &[usize],
    ) -> Option<Self> {
        let canonical = file.text.as_ref()?.csv.canonical.as_ref()?;
        if file.is_gzip() || !projection.iter().all(|&column| canonical[column]) {
            return None;
        }
        // DuckDB, which does not tell names apart by case, refuses such a file.
        let mut names = HashSet::new();
        if !columns
            .iter()
            .all(|f| names.insert(f.name().to_lowercase()))
        {
            return None;
        }
        let place = |field: &Field| {
            let is_field = |&column: &usize| declared[column].name() == field.name();
            projection.iter().position(is_field)
        };
        let places: Vec<_> = columns.iter().map(place).collect();
        // None is asked for twice.
        (places.iter().flatten().count() == projection.len()).then(|| Self {
            file: file.clone(),
            places,
        })
    }
}

impl CanonicalCsv {
    /// Reads the columns of a schema, on so many threads or fewer.
    pub(crate) fn new(
        files: Vec<CanonicalFile>,
        schema: SchemaRef,
        delimiter: u8,
        null_value: String,
        threads: usize,
    ) -> Self {
        Self {
            files,
            schema,
            delimiter,
            null_value,
            threads: threads.min(MOST_THREADS),
            piece_bytes: PIECE,
        }
    }

    /// Reads all rows, in no particular order.
    pub(crate) fn read(&self, emit: &mut Emit<'_>) -> Result<(), ReadError> {
        let read = self.read_all(emit);
        if matches!(read, Err(ReadError::Interrupted)) {
            return read;
        }
        // What is wrong with a file that is not the one that was listed is of no interest.
        for file in &self.files {
            file.file.check_unchanged()?;
        }
        read
    }

    fn read_all(&self, emit: &mut Emit<'_>) -> Result<(), ReadError> {
        let pieces: Vec<_> = self
            .files
            .iter()
            .flat_map(|file| {
                let count = file.file.size_bytes.div_ceil(self.piece_bytes);
                (0..count).map(move |number| (file, number * self.piece_bytes))
            })
            .collect();
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            let (sender, batches) = sync_channel(self.threads);
            for _ in 0..self.threads.min(pieces.len()) {
                let sender = sender.clone();
                let (pieces, next) = (&pieces, &next);
                let work = move || self.work(pieces, next, &sender);
                thread::Builder::new()
                    .name("wigeon-csv".to_owned())
                    .spawn_scoped(scope, work)
                    .map_err(|source| ReadError::Unreadable {
                        path: "a thread for reading".to_owned(),
                        source,
                    })?;
            }
            drop(sender);
            // Those who read end when nobody listens any more.
            for batch in batches {
                if !emit(batch?)? {
                    break;
                }
            }
            Ok(())
        })
    }

    /// Reads pieces until there are no more, or nobody wants them.
    fn work(
        &self,
        pieces: &[(&CanonicalFile, u64)],
        next: &AtomicUsize,
        sender: &SyncSender<Result<RecordBatch, ReadError>>,
    ) {
        let mut text = Vec::new();
        while let Some((file, begin)) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
            let batches = file
                .piece(*begin, self.piece_bytes, &mut text)
                .and_then(|text| self.parse(file, text));
            let sent = match batches {
                Ok(batches) => batches
                    .into_iter()
                    .try_for_each(|batch| sender.send(Ok(batch))),
                Err(error) => sender.send(Err(error)),
            };
            if sent.is_err() {
                return;
            }
        }
    }

    /// Takes whole records apart.
    fn parse(&self, file: &CanonicalFile, text: &str) -> Result<Vec<RecordBatch>, ReadError> {
        let rows = memchr_iter(b'\n', text.as_bytes()).count();
        let rows = rows.min(BATCH_ROWS);
        let builder = |field: &Arc<Field>| builder(field.data_type(), rows);
        let builders: Option<Vec<_>> = self.schema.fields().iter().map(builder).collect();
        let mut builders = builders.ok_or_else(|| file.changed())?;
        let mut batches = vec![];
        let (mut begin, mut place, mut rows, mut fits) = (0, 0, 0, true);
        each_field_end(self.delimiter, text.as_bytes(), |end| {
            if let Some(Some(column)) = file.places.get(place) {
                let value = &text[begin..end];
                fits &= builders[*column].append((value != self.null_value).then_some(value));
            }
            begin = end + 1;
            place += 1;
            if text.as_bytes()[end] == b'\n' {
                fits &= place == file.places.len();
                place = 0;
                rows += 1;
                if rows == BATCH_ROWS {
                    batches.push(self.batch(&mut builders, rows));
                    rows = 0;
                }
            }
        });
        if !fits || begin != text.len() {
            return Err(file.changed());
        }
        if rows > 0 {
            batches.push(self.batch(&mut builders, rows));
        }
        batches.into_iter().collect()
    }

    fn batch(
        &self,
        builders: &mut [Box<dyn Values>],
        rows: usize,
    ) -> Result<RecordBatch, ReadError> {
        let columns = builders.iter_mut().map(|values| values.finish()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(SchemaRef::clone(&self.schema), columns, &options)
            .map_err(ReadError::Schema)
    }
}

impl CanonicalFile {
    /// Reads the records that begin within a piece. The header is no record.
    fn piece<'a>(
        &self,
        begin: u64,
        bytes: u64,
        text: &'a mut Vec<u8>,
    ) -> Result<&'a str, ReadError> {
        let records = self.records(begin, bytes, text);
        let (start, end) = records.map_err(|error| self.file.read_error(error))?;
        str::from_utf8(&text[start..end]).map_err(|_| self.changed())
    }

    /// Reads a piece, with the byte before it, and returns where its records begin and end.
    fn records(&self, begin: u64, bytes: u64, text: &mut Vec<u8>) -> io::Result<(usize, usize)> {
        let from = begin.saturating_sub(1);
        let length = begin + bytes - from;
        let mut file = File::open(&self.file.absolute)?;
        file.seek(SeekFrom::Start(from))?;
        text.clear();
        (&mut file).take(length).read_to_end(text)?;
        let Some(first) = memchr(b'\n', text) else {
            return Ok((0, 0));
        };
        // The last of them ends behind the piece, unless the piece does with it.
        while text.last() != Some(&b'\n') {
            let before = text.len();
            text.resize(before + REST, 0);
            let read = read_full(&mut file, &mut text[before..])?;
            let end = memchr(b'\n', &text[before..before + read]).map_or(read, |end| end + 1);
            text.truncate(before + end);
            if read == 0 {
                break;
            }
        }
        Ok((first + 1, text.len()))
    }

    /// It is not what it was when its digest was taken.
    fn changed(&self) -> ReadError {
        ReadError::Changed {
            path: self.file.path.clone(),
        }
    }
}

/// Bytes that are read at once to find the end of a record.
const REST: usize = 1 << 10;

/// Values of a column.
trait Values {
    /// Adds a value, or null. Returns whether it is one of the type.
    fn append(&mut self, value: Option<&str>) -> bool;

    fn finish(&mut self) -> ArrayRef;
}

struct Parsed<T: ArrowPrimitiveType> {
    values: PrimitiveBuilder<T>,
    parse: fn(&str) -> Option<T::Native>,
}

impl<T: ArrowPrimitiveType> Values for Parsed<T> {
    fn append(&mut self, value: Option<&str>) -> bool {
        let parsed = value.and_then(self.parse);
        self.values.append_option(parsed);
        parsed.is_some() == value.is_some()
    }

    fn finish(&mut self) -> ArrayRef {
        ArrayBuilder::finish(&mut self.values)
    }
}

struct Texts(StringBuilder);

impl Values for Texts {
    fn append(&mut self, value: Option<&str>) -> bool {
        self.0.append_option(value);
        true
    }

    fn finish(&mut self) -> ArrayRef {
        ArrayBuilder::finish(&mut self.0)
    }
}

/// Returns what takes so many values of a type, none if it has no canonical form.
fn builder(data_type: &DataType, rows: usize) -> Option<Box<dyn Values>> {
    fn parsed<T: ArrowPrimitiveType>(
        rows: usize,
        parse: fn(&str) -> Option<T::Native>,
    ) -> Box<dyn Values> {
        let values = PrimitiveBuilder::<T>::with_capacity(rows);
        Box::new(Parsed { values, parse })
    }
    fn integer<T: ArrowPrimitiveType<Native: FromStr>>(rows: usize) -> Box<dyn Values> {
        parsed::<T>(rows, |text| text.parse().ok())
    }
    Some(match data_type {
        DataType::Int8 => integer::<Int8Type>(rows),
        DataType::Int16 => integer::<Int16Type>(rows),
        DataType::Int32 => integer::<Int32Type>(rows),
        DataType::Int64 => integer::<Int64Type>(rows),
        DataType::UInt8 => integer::<UInt8Type>(rows),
        DataType::UInt16 => integer::<UInt16Type>(rows),
        DataType::UInt32 => integer::<UInt32Type>(rows),
        DataType::UInt64 => integer::<UInt64Type>(rows),
        DataType::Utf8 => Box::new(Texts(StringBuilder::with_capacity(rows, rows * 8))),
        DataType::Date32 => parsed::<Date32Type>(rows, |text| canonical::date(text.as_bytes())),
        DataType::Timestamp(..) => {
            parsed::<TimestampMicrosecondType>(rows, |text| canonical::timestamp(text.as_bytes()))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        files::list_files,
        source::{FileSource, SourceFormat},
    };

    /// Reads a file in pieces of so many bytes, and returns the values in order.
    fn read(text: &str, piece_bytes: u64) -> Result<Vec<Option<i64>>, ReadError> {
        use arrow_array::{Array, cast::AsArray, types::Int64Type};
        let directory = tempfile::tempdir().unwrap();
        fs_err::write(directory.path().join("f.csv"), text).unwrap();
        let source = FileSource {
            format: SourceFormat::Csv {
                delimiter: ',',
                null_value: String::new(),
            },
            columns: vec![Field::new("id", DataType::Int64, true)],
            ignore_extra_columns: true,
            accept_missing_line_end: false,
        };
        let mut file = list_files(directory.path(), "f.csv").unwrap().remove(0);
        file.take_digest(&source, false).unwrap();
        let columns = crate::csv::columns_in_file(&file, &source, b',').unwrap();
        let file =
            CanonicalFile::new(&file, &columns, &source.columns, &[0]).expect("it is canonical");
        let schema = Arc::new(arrow_schema::Schema::new(source.columns));
        let mut csv = CanonicalCsv::new(vec![file], schema, b',', String::new(), 2);
        csv.piece_bytes = piece_bytes;
        let mut values = vec![];
        csv.read(&mut |batch| {
            let ids = batch.column(0).as_primitive::<Int64Type>();
            values.extend((0..ids.len()).map(|i| ids.is_valid(i).then(|| ids.value(i))));
            Ok(true)
        })?;
        values.sort_unstable();
        Ok(values)
    }

    #[test]
    fn every_record_is_read_once_wherever_pieces_end() {
        let row = |id: i64| format!("{},{id}\n", &"xxxxxxx"[..usize::try_from(id % 7).unwrap()]);
        let rows: Vec<_> = (0..60).map(row).collect();
        let text = format!("\u{feff}note,id\n{}é,\n", rows.concat());
        let expected: Vec<_> = std::iter::once(None).chain((0..60).map(Some)).collect();
        for piece_bytes in 1..80 {
            assert_eq!(read(&text, piece_bytes).unwrap(), expected, "{piece_bytes}");
        }
        assert_eq!(read("id\n", 2).unwrap(), []);
    }
}
