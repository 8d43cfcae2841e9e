//! A [`Transform`] as the exports of the world `transform`.

use std::{cell::RefCell, marker::PhantomData};

use arrow_schema::Schema;

use super::bindings::{
    about::Description,
    columnar::{self, Field},
    failure,
    transform::exports::wigeon::plugin::transform_step as exports,
};
use super::{Imports, describe, fields_of, options_of, schema_of};
use crate::{Batch, Host, Transform};

/// The exports of a component that carries `P`.
#[derive(Debug)]
pub struct Transforms<P>(PhantomData<P>);

/// A step at work.
#[derive(Debug)]
pub struct Step<P> {
    plugin: RefCell<P>,
    rows: Schema,
}

impl<P: Transform> exports::Guest for Transforms<P> {
    type Step = Step<P>;

    fn describe() -> Description {
        describe::<P>()
    }
}

impl<P: Transform> exports::GuestStep for Step<P> {
    fn open(options: String, rows: Vec<Field>) -> Result<exports::Step, failure::Error> {
        let rows = schema_of(rows);
        let plugin = P::open(options_of(&options)?, rows.clone())?;
        Ok(exports::Step::new(Self {
            plugin: RefCell::new(plugin),
            rows,
        }))
    }

    fn schema(&self) -> Vec<Field> {
        fields_of(&self.plugin.borrow().schema())
    }

    fn rows(&self, batch: &columnar::Batch) -> Result<(), failure::Error> {
        let batch = Batch::lent(&self.rows, batch);
        let mut plugin = self.plugin.borrow_mut();
        Ok(plugin.rows(&batch, &mut Host::new(&mut Imports))?)
    }
}
