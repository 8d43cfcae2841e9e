//! From a parsed document to the structs of [`crate::written`], past every mistake.
//!
//! serde stops at the first value of a wrong type. So a table is read again without that value,
//! until what is left can be read; the keys that lost something are remembered as broken, for the
//! checks to leave alone. Tables of sources and steps are read one by one, for the same reason.

use std::{collections::BTreeSet, ops::Range};

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue, ValueDeserializer},
};

use crate::{
    code::Code,
    diagnostic::Diagnostic,
    mistakes::{Mistakes, below},
    place::Place,
    written,
};

/// Most values of a wrong type reported of one table, since each means reading it again.
const MAX_WRONG_VALUES: usize = 100;

/// The keys that hold tables. serde would take an array for the fields of a struct in order.
const TABLES: [&str; 3] = ["warehouse", "guard", "limits"];

/// One table as written, with its place.
#[derive(Debug)]
pub(crate) struct Read<'t, T> {
    pub(crate) value: T,
    pub(crate) place: Place<'t>,
    /// Where the table is in the manifest: its keys, and an index for a step.
    pub(crate) path: Vec<String>,
    broken: Broken,
}

#[derive(Debug)]
enum Broken {
    Keys(BTreeSet<String>),
    Everything,
}

impl<T> Read<'_, T> {
    /// Returns whether a mistake was reported in the value of this key already, so that nothing
    /// can be said about what it means.
    pub(crate) fn is_broken(&self, key: &str) -> bool {
        match &self.broken {
            Broken::Keys(keys) => keys.contains(key),
            Broken::Everything => true,
        }
    }

    /// Reports each of `keys` that is not written.
    pub(crate) fn require(&self, owner: &str, keys: &[&str], mistakes: &mut Mistakes) {
        for key in keys {
            if !self.place.has(key) && !matches!(self.broken, Broken::Everything) {
                mistakes.add_missing_key(owner, self.place, &self.path, key);
            }
        }
    }
}

/// A source as written.
#[derive(Debug)]
pub(crate) struct NamedSource<'t> {
    pub(crate) name: &'t str,
    pub(crate) name_span: Range<usize>,
    pub(crate) read: Read<'t, written::Source>,
}

/// Reads what stands outside sources and steps.
pub(crate) fn pipeline<'t>(
    root: Place<'t>,
    mistakes: &mut Mistakes,
) -> Read<'t, written::Pipeline> {
    read_table(root, Vec::new(), &["source", "step"], mistakes)
}

/// Reads the sources in the order of the file; `None` if they are not a table.
pub(crate) fn sources<'t>(
    root: Place<'t>,
    mistakes: &mut Mistakes,
) -> Option<Vec<NamedSource<'t>>> {
    let Some(sources) = root.table().get("source") else {
        return Some(Vec::new());
    };
    let path = vec!["source".to_owned()];
    let DeValue::Table(table) = sources.get_ref() else {
        mistakes.add_wrong_type(sources.span(), &path, sources.get_ref().type_str());
        return None;
    };
    let read = |(name, source): (&'t Spanned<_>, &'t Spanned<DeValue<'t>>)| {
        let name_text: &'t std::borrow::Cow<'t, str> = name.get_ref();
        let path = below(&path, name_text);
        let read = match source.get_ref() {
            DeValue::Table(table) => {
                read_table(Place::new(table, &source.span()), path, &[], mistakes)
            }
            other => {
                mistakes.add_wrong_type(source.span(), &path, other.type_str());
                Read {
                    value: written::Source::default(),
                    place: root,
                    path,
                    broken: Broken::Everything,
                }
            }
        };
        NamedSource {
            name: name_text,
            name_span: name.span(),
            read,
        }
    };
    Some(table.iter().map(read).collect())
}

/// Reads the steps in the order of the file; `None` if they are not an array.
pub(crate) fn steps<'t>(
    root: Place<'t>,
    mistakes: &mut Mistakes,
) -> Option<Vec<Read<'t, written::Step>>> {
    let path = vec!["step".to_owned()];
    let Some(steps) = root.table().get("step") else {
        mistakes.add(no_steps(0..0));
        return Some(Vec::new());
    };
    let DeValue::Array(items) = steps.get_ref() else {
        let found = steps.get_ref().type_str();
        mistakes.add_wrong_type(steps.span(), &path, found);
        return None;
    };
    if items.is_empty() {
        mistakes.add(no_steps(steps.span()));
    }
    Some(steps_of(items, &path, mistakes))
}

fn steps_of<'t>(
    items: &'t DeArray<'t>,
    path: &[String],
    mistakes: &mut Mistakes,
) -> Vec<Read<'t, written::Step>> {
    let mut steps = Vec::with_capacity(items.len());
    for (index, step) in items.iter().enumerate() {
        let path = below(path, &index.to_string());
        if let DeValue::Table(table) = step.get_ref() {
            let place = Place::new(table, &step.span());
            steps.push(read_table(place, path, &["options"], mistakes));
        } else {
            let found = step.get_ref().type_str();
            mistakes.add_wrong_type(step.span(), &path, found);
        }
    }
    steps
}

fn no_steps(span: Range<usize>) -> Diagnostic {
    Diagnostic::new(Code::NoSteps, span, "the pipeline has no step")
        .with_help("add a `[[step]]`: without one, there is nothing to run")
}

/// Reads one table, without the keys that are read `apart`.
fn read_table<'t, T: DeserializeOwned + Default>(
    place: Place<'t>,
    path: Vec<String>,
    apart: &[&str],
    mistakes: &mut Mistakes,
) -> Read<'t, T> {
    let mut left = place.table().clone();
    for key in apart {
        left.remove(*key);
    }
    let mut broken = BTreeSet::new();
    for key in TABLES {
        if let Some(found) = left.get(key)
            && !found.get_ref().is_table()
        {
            mistakes.add_wrong_type(found.span(), &below(&path, key), found.get_ref().type_str());
            left.remove(key);
            broken.insert(key.to_owned());
        }
    }
    for _ in 0..MAX_WRONG_VALUES {
        let mut unknown = Vec::new();
        let table = Spanned::new(place.span(), DeValue::Table(left.clone()));
        let read = serde_ignored::deserialize(ValueDeserializer::from(table), |ignored| {
            unknown.push(keys_of(&ignored));
        });
        match read {
            Ok(value) => {
                for keys in unknown {
                    add_unknown_key(place, &path, &keys, mistakes);
                }
                return Read {
                    value,
                    place,
                    path,
                    broken: Broken::Keys(broken),
                };
            }
            Err(error) => {
                let Some(wrong) = error.span().and_then(|span| find(&left, &span)) else {
                    let span = error.span().unwrap_or_else(|| place.span());
                    mistakes.add(Diagnostic::new(Code::WrongType, span, error.message()));
                    break;
                };
                add_wrong_value(&left, &path, &wrong, &error, mistakes);
                remove(&mut left, &wrong);
                broken.extend(wrong.into_iter().next());
            }
        }
    }
    Read {
        value: T::default(),
        place,
        path,
        broken: Broken::Everything,
    }
}

fn add_wrong_value(
    table: &DeTable<'_>,
    path: &[String],
    wrong: &[String],
    error: &toml::de::Error,
    mistakes: &mut Mistakes,
) {
    let span = error.span().unwrap_or_default();
    let found = follow(table, wrong).map_or("value", DeValue::type_str);
    let path = [path, wrong].concat();
    if found == "integer" && mistakes.expected(&path) == "a whole number" {
        // The type is right, so the number must be beyond 64 bits.
        let message = format!("{} is too large", mistakes.value(&path));
        mistakes.add(Diagnostic::new(Code::OutOfRange, span, message));
    } else {
        mistakes.add_wrong_type(span, &path, found);
    }
}

fn add_unknown_key(place: Place<'_>, path: &[String], keys: &[String], mistakes: &mut Mistakes) {
    let Some((key, parents)) = keys.split_last() else {
        return;
    };
    let mut owner = place;
    for parent in parents {
        owner = owner.inner(parent).unwrap_or(owner);
    }
    mistakes.add_unknown_key(owner.key_span(key), &[path, parents].concat(), key);
}

/// Returns the keys on the way to an ignored value.
fn keys_of(path: &serde_ignored::Path<'_>) -> Vec<String> {
    use serde_ignored::Path;
    match path {
        Path::Root => Vec::new(),
        Path::Seq { parent, index } => below(&keys_of(parent), &index.to_string()),
        Path::Map { parent, key } => below(&keys_of(parent), key),
        Path::Some { parent }
        | Path::NewtypeStruct { parent }
        | Path::NewtypeVariant { parent } => keys_of(parent),
    }
}

/// Returns the way to the outermost value with this span.
fn find(table: &DeTable<'_>, span: &Range<usize>) -> Option<Vec<String>> {
    table.iter().find_map(|(key, value)| {
        let mut path = vec![key.get_ref().clone().into_owned()];
        path.extend(find_in(value, span)?);
        Some(path)
    })
}

fn find_in(value: &Spanned<DeValue<'_>>, span: &Range<usize>) -> Option<Vec<String>> {
    if value.span() == *span {
        return Some(Vec::new());
    }
    match value.get_ref() {
        DeValue::Table(table) => find(table, span),
        DeValue::Array(items) => items.iter().enumerate().find_map(|(index, item)| {
            let mut path = vec![index.to_string()];
            path.extend(find_in(item, span)?);
            Some(path)
        }),
        _ => None,
    }
}

fn follow<'a, 't>(table: &'a DeTable<'t>, path: &[String]) -> Option<&'a DeValue<'t>> {
    let (first, rest) = path.split_first()?;
    let mut value = table.get(first.as_str())?.get_ref();
    for key in rest {
        value = match value {
            DeValue::Table(table) => table.get(key.as_str())?.get_ref(),
            DeValue::Array(items) => items.get(key.parse::<usize>().ok()?)?.get_ref(),
            _ => return None,
        };
    }
    Some(value)
}

/// Removes the value at `path`; an array goes as a whole, since its items have numbers.
fn remove(table: &mut DeTable<'_>, path: &[String]) {
    let Some((key, rest)) = path.split_first() else {
        return;
    };
    if let Some(value) = table.get_mut(key.as_str())
        && let DeValue::Table(inner) = value.get_mut()
        && !rest.is_empty()
    {
        remove(inner, rest);
    } else {
        table.remove(key.as_str());
    }
}
