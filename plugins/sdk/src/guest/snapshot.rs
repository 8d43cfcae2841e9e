//! A [`Snapshot`] as the exports of the world `snapshot`.

use std::{cell::RefCell, marker::PhantomData, sync::Arc};

use arrow_schema::{DataType, Field as ArrowField, Schema, TimeUnit};

use super::bindings::{
    about::Description, columnar, failure,
    snapshot::exports::wigeon::plugin::snapshot_step as exports,
};
use super::{Imports, describe, indexes, options_of, schema_of};
use crate::{Batch, Host, Snapshot, SnapshotInput};

/// The exports of a component that carries `P`.
#[derive(Debug)]
pub struct Snapshots<P>(PhantomData<P>);

/// A step at work.
#[derive(Debug)]
pub struct Step<P> {
    plugin: RefCell<P>,
    extract: Schema,
    versions: Schema,
}

impl<P: Snapshot> exports::Guest for Snapshots<P> {
    type Step = Step<P>;

    fn describe() -> Description {
        describe::<P>()
    }
}

impl<P: Snapshot> exports::GuestStep for Step<P> {
    fn open(options: String, input: exports::Input) -> Result<exports::Step, failure::Error> {
        let extract = schema_of(input.extract);
        let valid_from = DataType::Timestamp(TimeUnit::Microsecond, None);
        let mut fields = extract.fields().to_vec();
        fields.push(Arc::new(ArrowField::new("valid_from", valid_from, false)));
        let versions = Schema::new(fields);
        let input = SnapshotInput {
            extract: extract.clone(),
            versions: versions.clone(),
            key: indexes(input.key),
        };
        let plugin = P::open(options_of(&options)?, input)?;
        Ok(exports::Step::new(Self {
            plugin: RefCell::new(plugin),
            extract,
            versions,
        }))
    }

    fn versions(&self, batch: &columnar::Batch) -> Result<(), failure::Error> {
        let batch = Batch::lent(&self.versions, batch);
        Ok(self.plugin.borrow_mut().versions(&batch)?)
    }

    fn extract(&self, batch: &columnar::Batch) -> Result<(), failure::Error> {
        let batch = Batch::lent(&self.extract, batch);
        let mut plugin = self.plugin.borrow_mut();
        Ok(plugin.extract(&batch, &mut Host::new(&mut Imports))?)
    }

    fn finish(&self) -> Result<(), failure::Error> {
        let mut plugin = self.plugin.borrow_mut();
        Ok(plugin.finish(&mut Host::new(&mut Imports))?)
    }
}
