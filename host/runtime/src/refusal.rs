//! Why the host ends a call, on its way through wasmtime, which only lends errors.

use std::{fmt, sync::Mutex};

use crate::{Breach, Limit};

/// Why the host ends a call.
#[derive(Debug)]
pub(crate) enum Refusal {
    Breach(Breach),
    Limit(Limit),
}

impl From<Breach> for Refusal {
    fn from(breach: Breach) -> Self {
        Self::Breach(breach)
    }
}

impl From<Limit> for Refusal {
    fn from(limit: Limit) -> Self {
        Self::Limit(limit)
    }
}

/// A refusal as an error of wasmtime's.
#[derive(Debug)]
pub(crate) struct RefusalHandle(Mutex<Option<Refusal>>);

impl RefusalHandle {
    pub(crate) fn take(&self) -> Option<Refusal> {
        self.0.lock().ok()?.take()
    }
}

impl From<Refusal> for RefusalHandle {
    fn from(refusal: Refusal) -> Self {
        Self(Mutex::new(Some(refusal)))
    }
}

impl From<Breach> for RefusalHandle {
    fn from(breach: Breach) -> Self {
        Refusal::from(breach).into()
    }
}

impl fmt::Display for RefusalHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the host ended the call")
    }
}

impl std::error::Error for RefusalHandle {}
