//! An [`Incremental`] as the exports of the world `incremental`.

use std::{cell::RefCell, marker::PhantomData};

use arrow_schema::Schema;

use super::bindings::{
    about::Description, columnar, failure,
    incremental::exports::wigeon::plugin::incremental_step as exports,
};
use super::{Imports, describe, fields_of, imports::number, indexes, options_of, schema_of};
use crate::{Batch, Host, Incremental, IncrementalInput};

/// The exports of a component that carries `P`.
#[derive(Debug)]
pub struct Loads<P>(PhantomData<P>);

/// A step at work.
#[derive(Debug)]
pub struct Step<P> {
    plugin: RefCell<P>,
    rows: Schema,
    lookup: Schema,
}

impl<P: Incremental> exports::Guest for Loads<P> {
    type Step = Step<P>;

    fn describe() -> Description {
        describe::<P>()
    }
}

impl<P: Incremental> exports::GuestStep for Step<P> {
    fn open(options: String, input: exports::Input) -> Result<exports::Step, failure::Error> {
        let (rows, lookup) = (schema_of(input.rows), schema_of(input.lookup));
        let input = IncrementalInput {
            rows: rows.clone(),
            rows_key: indexes(input.rows_key),
            lookup: lookup.clone(),
            lookup_key: indexes(input.lookup_key),
        };
        let plugin = P::open(options_of(&options)?, input)?;
        Ok(exports::Step::new(Self {
            plugin: RefCell::new(plugin),
            rows,
            lookup,
        }))
    }

    fn shape(&self) -> exports::Shape {
        let shape = self.plugin.borrow().shape();
        exports::Shape {
            fields: fields_of(&shape.schema),
            row_wise: shape.row_wise,
            event_time: shape.event_time.map(number),
        }
    }

    fn lookup(&self, batch: &columnar::Batch) -> Result<(), failure::Error> {
        let batch = Batch::lent(&self.lookup, batch);
        Ok(self.plugin.borrow_mut().lookup(&batch)?)
    }

    fn rows(&self, batch: &columnar::Batch) -> Result<(), failure::Error> {
        let batch = Batch::lent(&self.rows, batch);
        let mut plugin = self.plugin.borrow_mut();
        Ok(plugin.rows(&batch, &mut Host::new(&mut Imports))?)
    }

    fn finish(&self) -> Result<(), failure::Error> {
        let mut plugin = self.plugin.borrow_mut();
        Ok(plugin.finish(&mut Host::new(&mut Imports))?)
    }
}
