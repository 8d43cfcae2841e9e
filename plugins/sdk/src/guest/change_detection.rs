//! A [`ChangeDetection`] as the exports of the world `change-detection`.

use std::{cell::RefCell, marker::PhantomData};

use arrow_schema::Schema;

use super::bindings::{
    about::Description,
    change_detection::exports::wigeon::plugin::change_detection_step as exports, columnar, failure,
};
use super::{Imports, describe, indexes, options_of, schema_of};
use crate::{Batch, ChangeDetection, ChangeDetectionInput, Host};

/// The exports of a component that carries `P`.
#[derive(Debug)]
pub struct Detects<P>(PhantomData<P>);

/// A step at work.
#[derive(Debug)]
pub struct Step<P> {
    plugin: RefCell<P>,
    versions: Schema,
}

impl<P: ChangeDetection> exports::Guest for Detects<P> {
    type Step = Step<P>;

    fn describe() -> Description {
        describe::<P>()
    }
}

impl<P: ChangeDetection> exports::GuestStep for Step<P> {
    fn open(options: String, input: exports::Input) -> Result<exports::Step, failure::Error> {
        let versions = schema_of(input.versions);
        let input = ChangeDetectionInput {
            versions: versions.clone(),
            key: indexes(input.key),
        };
        let plugin = P::open(options_of(&options)?, input)?;
        Ok(exports::Step::new(Self {
            plugin: RefCell::new(plugin),
            versions,
        }))
    }

    fn applied(&self, batch: &columnar::Batch) -> Result<(), failure::Error> {
        let batch = Batch::lent(&self.versions, batch);
        Ok(self.plugin.borrow_mut().applied(&batch)?)
    }

    fn now(&self, batch: &columnar::Batch) -> Result<(), failure::Error> {
        let batch = Batch::lent(&self.versions, batch);
        Ok(self.plugin.borrow_mut().now(&batch)?)
    }

    fn finish(&self) -> Result<(), failure::Error> {
        let mut plugin = self.plugin.borrow_mut();
        Ok(plugin.finish(&mut Host::new(&mut Imports))?)
    }
}
