//! Finds the rows behind a complaint about keys, for the message. Only what was read without
//! transforms can be found again in its file.

use wigeon_warehouse::RowPlace;

use super::{Loaded, StepRun, read::file_source};
use crate::resolved::Chain;

impl StepRun<'_> {
    /// Returns the file and ` on line N` of the first row with a null in the key.
    pub(super) fn find_null_key(
        &self,
        chain: &Chain<'_>,
        loaded: &Loaded,
        key: &[String],
    ) -> Option<(String, String)> {
        let key = declared(chain, key)?;
        let source = file_source(chain.source);
        let files: Vec<_> = loaded.files.iter().map(|f| f.identity.clone()).collect();
        let found = self.run.warehouse.find_null_key(&source, &files, &key);
        let place = found.ok()??;
        Some((place.path.clone(), format!(" {}", one(&place))))
    }

    /// Returns the key that occurs twice, and `, on lines N and M`.
    pub(super) fn find_duplicate_key(
        &self,
        chain: &Chain<'_>,
        loaded: &Loaded,
        key: &[String],
    ) -> Option<(String, String)> {
        let key = declared(chain, key)?;
        let source = file_source(chain.source);
        let files: Vec<_> = loaded.files.iter().map(|f| f.identity.clone()).collect();
        let found = self.run.warehouse.find_duplicate_key(&source, &files, &key);
        let found = found.ok()??;
        let places = match found.places.as_slice() {
            [
                RowPlace {
                    line: Some(first), ..
                },
                RowPlace {
                    line: Some(second), ..
                },
            ] => {
                format!(", on lines {first} and {second}")
            }
            [first, second] => format!(", in rows {} and {}", first.row, second.row),
            _ => String::new(),
        };
        Some((format!("`{}`", found.key), places))
    }
}

fn one(place: &RowPlace) -> String {
    match place.line {
        Some(line) => format!("on line {line}"),
        None => format!("in row {}", place.row),
    }
}

/// Returns the numbers of key columns among those that the source declares, if the key is read
/// from there as it is.
fn declared(chain: &Chain<'_>, key: &[String]) -> Option<Vec<usize>> {
    let number = |name: &String| chain.source.columns.iter().position(|c| c.name == *name);
    let numbers = key.iter().map(number).collect::<Option<Vec<_>>>()?;
    (chain.transforms.is_empty() && !numbers.is_empty()).then_some(numbers)
}
