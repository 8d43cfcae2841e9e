//! The four kinds, each doing what is ordered and otherwise the least that is right.

#![expect(unsafe_code, reason = "a hostile guest keeps to no rules")]

use std::mem::ManuallyDrop;

use crate::{
    answers::emit,
    bindings::{
        about::Description,
        change_detection::exports::wigeon::plugin::change_detection_step as change_detection,
        columnar::{Batch, Field},
        failure::Error,
        incremental::exports::wigeon::plugin::incremental_step as incremental,
        snapshot::exports::wigeon::plugin::snapshot_step as snapshot,
        transform::exports::wigeon::plugin::transform_step as transform,
    },
    deeds::{batch, carry_out, obey},
    orders::{Orders, Scene, number, text},
};

/// The plugin.
#[derive(Debug)]
pub struct Hostile;

/// A step at work, of any kind.
#[derive(Debug)]
pub struct Step {
    orders: Orders,
    /// The fields of rows that are handed over.
    fields: Vec<Field>,
    /// How many columns rows that are emitted have.
    columns: u32,
}

impl Step {
    fn new(options: &str, fields: Vec<Field>) -> Result<Self, Error> {
        let orders = Orders::of_options(options);
        obey(&orders, "open", &Scene::BARE)?;
        let columns = tops(&fields);
        Ok(Self {
            orders,
            fields,
            columns,
        })
    }

    /// The fields that rows to emit have, as ordered for `call`.
    fn promised(&self, call: &str) -> Vec<Field> {
        obey(&self.orders, call, &Scene::BARE).expect("this call cannot answer with an error");
        self.orders.promised(call, &self.fields)
    }

    /// Does what is ordered for a call, and says whether anything was.
    fn told(&self, call: &str, batch: Option<&Batch>) -> Result<bool, Error> {
        let promise = ["schema", "shape"].into_iter().find_map(|call| {
            let promised = self.orders.promised(call, &[]);
            (!promised.is_empty()).then(|| tops(&promised))
        });
        let columns = promise.unwrap_or(self.columns);
        obey(&self.orders, call, &Scene { batch, columns })
    }

    /// Does what is ordered, or else passes the rows on.
    fn told_or_forward(&self, call: &str, batch: &Batch) -> Result<(), Error> {
        if !self.told(call, Some(batch))? {
            let scene = Scene {
                batch: Some(batch),
                columns: self.columns,
            };
            emit("n", &["rest"], &scene);
        }
        Ok(())
    }
}

/// Counts top-level fields.
fn tops(fields: &[Field]) -> u32 {
    let children: u32 = fields.iter().map(|field| field.children).sum();
    u32::try_from(fields.len())
        .expect("few fields")
        .saturating_sub(children)
}

impl transform::Guest for Hostile {
    type Step = Step;

    fn describe() -> Description {
        describe()
    }
}

impl transform::GuestStep for Step {
    fn open(options: String, rows: Vec<Field>) -> Result<transform::Step, Error> {
        let orders = Orders::of_options(&options);
        let step = || Step {
            orders: Orders::of_options(""),
            fields: vec![],
            columns: 0,
        };
        match orders.of("handle").next().as_deref() {
            Some(["leak-steps", count]) => {
                for _ in 0..number(count) {
                    transform::Step::new(step()).take_handle();
                }
            }
            Some(["return-dropped-step"]) => {
                let handle = transform::Step::new(step()).take_handle();
                // SAFETY: none: this is the deed. The host knows which handles there are.
                return Ok(unsafe {
                    drop(transform::Step::from_handle(handle));
                    transform::Step::from_handle(handle)
                });
            }
            Some(["use-step-as-batch"]) => {
                let handle = transform::Step::new(step()).take_handle();
                ManuallyDrop::new(batch(handle)).rows();
            }
            _ => {}
        }
        Ok(transform::Step::new(Step::new(&options, rows)?))
    }

    fn schema(&self) -> Vec<Field> {
        self.promised("schema")
    }

    fn rows(&self, batch: &Batch) -> Result<(), Error> {
        self.told_or_forward("rows", batch)
    }
}

impl snapshot::Guest for Hostile {
    type Step = Step;

    fn describe() -> Description {
        describe()
    }
}

impl snapshot::GuestStep for Step {
    fn open(options: String, input: snapshot::Input) -> Result<snapshot::Step, Error> {
        Ok(snapshot::Step::new(Step::new(&options, input.extract)?))
    }

    fn versions(&self, batch: &Batch) -> Result<(), Error> {
        self.told("versions", Some(batch)).map(drop)
    }

    fn extract(&self, batch: &Batch) -> Result<(), Error> {
        self.told("extract", Some(batch)).map(drop)
    }

    fn finish(&self) -> Result<(), Error> {
        self.told("finish", None).map(drop)
    }
}

impl incremental::Guest for Hostile {
    type Step = Step;

    fn describe() -> Description {
        describe()
    }
}

impl incremental::GuestStep for Step {
    fn open(options: String, input: incremental::Input) -> Result<incremental::Step, Error> {
        Ok(incremental::Step::new(Step::new(&options, input.rows)?))
    }

    fn shape(&self) -> incremental::Shape {
        let fields = self.promised("shape");
        let mut shape = incremental::Shape {
            fields,
            row_wise: true,
            event_time: None,
        };
        for deed in self.orders.of("shape") {
            match *deed {
                ["not-row-wise"] => shape.row_wise = false,
                ["event-time", column] => shape.event_time = Some(number(column)),
                _ => {}
            }
        }
        shape
    }

    fn lookup(&self, batch: &Batch) -> Result<(), Error> {
        self.told("lookup", Some(batch)).map(drop)
    }

    fn rows(&self, batch: &Batch) -> Result<(), Error> {
        self.told_or_forward("rows", batch)
    }

    fn finish(&self) -> Result<(), Error> {
        self.told("finish", None).map(drop)
    }
}

impl change_detection::Guest for Hostile {
    type Step = Step;

    fn describe() -> Description {
        describe()
    }
}

impl change_detection::GuestStep for Step {
    fn open(
        options: String,
        input: change_detection::Input,
    ) -> Result<change_detection::Step, Error> {
        let step = Step::new(&options, input.versions)?;
        Ok(change_detection::Step::new(step))
    }

    fn applied(&self, batch: &Batch) -> Result<(), Error> {
        self.told("applied", Some(batch)).map(drop)
    }

    fn now(&self, batch: &Batch) -> Result<(), Error> {
        self.told("now", Some(batch)).map(drop)
    }

    fn finish(&self) -> Result<(), Error> {
        self.told("finish", None).map(drop)
    }
}

/// What to do in `describe`, behind a mark by which the tests find it in the component.
#[used]
static ORDER: [u8; 64] = *b"wigeon-hostile-describe:nothing                                 ";

fn describe() -> Description {
    // SAFETY: the place is a static's, which nobody writes to. The compiler must not know what is
    // there: the tests replace it.
    let order = unsafe { (&raw const ORDER).read_volatile() };
    let order = str::from_utf8(&order).expect("UTF-8");
    let (_, order) = order.split_once(':').expect("there is a mark");
    let deed: Vec<&str> = order.split_whitespace().collect();
    let mut description = Description {
        name: "hostile".to_owned(),
        version: "0.0.0".to_owned(),
        summary: "Does what no plugin may".to_owned(),
        options_schema: "{}".to_owned(),
    };
    match *deed {
        ["name", words] => description.name = text(words),
        ["version", words] => description.version = text(words),
        ["summary", words] => description.summary = text(words),
        ["options", words] => description.options_schema = text(words),
        _ => carry_out(&deed, &Scene::BARE).expect("this call cannot answer with an error"),
    }
    description
}
