//! CSV files that are written as nearly all are, read without DuckDB.
//!
//! Of a file whose digest was taken it is known whether each of its lines is a record of fields
//! between delimiters, with quotes around a field or none, and whether the values of a column have
//! their canonical form. If all that is read has it, reading a file comes to finding the ends of its
//! fields; DuckDB takes several times as long for the same rows, and hands them over once more as
//! Arrow's arrays. Any other file is DuckDB's, which alone decides what is malformed (`csv.rs`).

mod values;

use std::{
    collections::HashSet,
    io::{self, Read, Seek, SeekFrom},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread,
};

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, SchemaRef};
use fs_err::File;
use memchr::{memchr, memchr_iter};

use self::values::{Values, builder};
use crate::{
    csv::Dialect,
    csv_record::{self, Stretches, each_field_end, read_full, regular_fields, unquoted},
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
    dialect: Dialect,
    threads: usize,
    piece_bytes: u64,
}

impl CanonicalFile {
    /// Says whether the columns of a projection can be read of a file here, as far as can be told
    /// without its header.
    pub(crate) fn may_be(file: &FileIdentity, projection: &[usize]) -> bool {
        let canonical = file
            .text
            .as_ref()
            .and_then(|text| text.csv.canonical.as_ref());
        let has_form = |canonical: &Vec<bool>| projection.iter().all(|&column| canonical[column]);
        !file.is_gzip() && canonical.is_some_and(has_form)
    }

    /// Returns a file if the columns of a projection can be read of it here. It has `columns`, in
    /// its order.
    pub(crate) fn new(
        file: &FileIdentity,
        columns: &[Field],
        declared: &[Field],
        projection: &[usize],
    ) -> Option<Self> {
        if !Self::may_be(file, projection) {
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
        dialect: Dialect,
        threads: usize,
    ) -> Self {
        Self {
            files,
            schema,
            dialect,
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
        let rows = memchr_iter(b'\n', text.as_bytes());
        let rows = rows.take(BATCH_ROWS).count();
        let builder = |field: &Arc<Field>| builder(field.data_type(), rows);
        let builders: Option<Vec<_>> = self.schema.fields().iter().map(builder).collect();
        let mut records = Records {
            csv: self,
            file,
            builders: builders.ok_or_else(|| file.changed())?,
            fields: vec![],
            place: 0,
            rows: 0,
            batches: vec![],
            fits: true,
        };
        for (stretch, has_quotes) in Stretches::of(text.as_bytes()) {
            if has_quotes {
                records.quoted_line(&text[stretch]);
            } else {
                records.plain_lines(&text[stretch]);
            }
        }
        records.finish()
    }
}

/// Records that are taken apart.
struct Records<'a> {
    csv: &'a CanonicalCsv,
    file: &'a CanonicalFile,
    builders: Vec<Box<dyn Values>>,
    /// Those of the line with quotes that is taken apart.
    fields: Vec<csv_record::Field>,
    /// How many fields there are of the current record.
    place: usize,
    rows: usize,
    batches: Vec<Result<RecordBatch, ReadError>>,
    /// Whether all of it is as it was when the digest was taken.
    fits: bool,
}

impl Records<'_> {
    fn plain_lines(&mut self, text: &str) {
        let null_value = self.csv.dialect.null_value.as_str();
        let mut begin = 0;
        each_field_end(self.csv.dialect.delimiter, text.as_bytes(), |end| {
            if let Some(Some(column)) = self.file.places.get(self.place) {
                let value = &text[begin..end];
                self.fits &= self.builders[*column].append((value != null_value).then_some(value));
            }
            begin = end + 1;
            self.place += 1;
            if text.as_bytes()[end] == b'\n' {
                self.end_record();
            }
        });
        self.fits &= begin == text.len();
    }

    fn quoted_line(&mut self, line: &str) {
        let mut fields = std::mem::take(&mut self.fields);
        self.fits &= line.ends_with('\n');
        self.fits &= regular_fields(line.as_bytes(), self.csv.dialect.delimiter, &mut fields);
        for (field, place) in fields.iter().zip(&self.file.places) {
            let Some(column) = place else { continue };
            let value = &line[field.range.clone()];
            self.fits &= if field.quoted {
                self.builders[*column].append(Some(&unquoted(value)))
            } else {
                self.builders[*column]
                    .append((value != self.csv.dialect.null_value).then_some(value))
            };
        }
        self.place = fields.len();
        self.fields = fields;
        self.end_record();
    }

    fn end_record(&mut self) {
        self.fits &= self.place == self.file.places.len();
        self.place = 0;
        self.rows += 1;
        // Columns of a record that does not fit may have fewer values.
        if self.rows == BATCH_ROWS && self.fits {
            self.end_batch();
        }
    }

    fn end_batch(&mut self) {
        let columns = self.builders.iter_mut().map(|values| values.finish());
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let schema = SchemaRef::clone(&self.csv.schema);
        let batch = RecordBatch::try_new_with_options(schema, columns.collect(), &options);
        self.batches.push(batch.map_err(ReadError::Schema));
        self.rows = 0;
    }

    fn finish(mut self) -> Result<Vec<RecordBatch>, ReadError> {
        if !self.fits {
            return Err(self.file.changed());
        }
        if self.rows > 0 {
            self.end_batch();
        }
        self.batches.into_iter().collect()
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

#[cfg(test)]
mod tests {
    use arrow_schema::DataType;

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
        let dialect = Dialect {
            delimiter: b',',
            null_value: String::new(),
        };
        let mut csv = CanonicalCsv::new(vec![file], schema, dialect, 2);
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
        let note = |id: i64| match usize::try_from(id).unwrap() {
            id if id % 5 == 0 => "\"a, \"\"b\"\"\"",
            id => &"xxxxxxx"[..id % 7],
        };
        let row = |id: i64| match id {
            40.. => format!("{},\"{id}\"\n", note(id)),
            _ => format!("{},{id}\n", note(id)),
        };
        let rows: Vec<_> = (0..60).map(row).collect();
        let text = format!("\u{feff}note,id\n{}é,\n", rows.concat());
        let expected: Vec<_> = std::iter::once(None).chain((0..60).map(Some)).collect();
        for piece_bytes in 1..80 {
            assert_eq!(read(&text, piece_bytes).unwrap(), expected, "{piece_bytes}");
        }
        assert_eq!(read("id\n", 2).unwrap(), []);
    }
}
