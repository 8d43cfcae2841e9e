//! Where things stand in the text, looked up by key.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// A table of the manifest with its place in the text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'t> {
    table: &'t DeTable<'t>,
    start: usize,
    end: usize,
}

impl<'t> Place<'t> {
    /// `span` is the header of the table, or all of it if it is written inline.
    pub(crate) fn new(table: &'t DeTable<'t>, span: &Range<usize>) -> Self {
        Self {
            table,
            start: span.start,
            end: span.end,
        }
    }

    /// Returns the header of the table, or all of it if it is written inline.
    pub(crate) fn span(self) -> Range<usize> {
        self.start..self.end
    }

    pub(crate) fn table(self) -> &'t DeTable<'t> {
        self.table
    }

    /// Returns whether the key is written, whatever its value.
    pub(crate) fn has(self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Returns the span of a key, or of the table if it does not have the key.
    pub(crate) fn key_span(self, key: &str) -> Range<usize> {
        match self.table.get_key_value(key) {
            Some((key, _)) => key.span(),
            None => self.span(),
        }
    }

    /// Returns the span of the value of a key, or of the table if it does not have the key.
    pub(crate) fn value_span(self, key: &str) -> Range<usize> {
        match self.table.get(key) {
            Some(value) => value.span(),
            None => self.span(),
        }
    }

    /// Returns the span of an item of an array, or the nearest place that there is.
    pub(crate) fn item_span(self, key: &str, index: usize) -> Range<usize> {
        let item = self
            .table
            .get(key)
            .and_then(|value| value.get_ref().as_array())
            .and_then(|items| items.get(index));
        match item {
            Some(item) => item.span(),
            None => self.value_span(key),
        }
    }

    /// Returns a table in this one.
    pub(crate) fn inner(self, key: &str) -> Option<Self> {
        let value = self.table.get(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(Self::new(table, &value.span())),
            _ => None,
        }
    }
}
