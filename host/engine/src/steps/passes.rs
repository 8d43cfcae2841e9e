//! A step whose keys do not fit its plugin's memory is tried again in several passes over parts of
//! them.

use arrow_schema::ArrowError;
use wigeon_lanes::{Stopped, exchange::most_passes};
use wigeon_runtime::{Limit, PluginError};

use super::StepRun;
use crate::{DataError, EngineError};

impl StepRun<'_> {
    /// Tries something in one pass over so many lanes, and for as long as a lane's memory does not
    /// suffice, in twice as many. Returns in how many it was done.
    ///
    /// What an attempt has done must be undone when it returns an error.
    pub(super) fn in_passes<R, T: IntoEngineError>(
        &self,
        lanes: usize,
        mut attempt: impl FnMut(usize) -> Result<R, Stopped<T, EngineError>>,
    ) -> Result<(R, usize), EngineError> {
        let most = most_passes(lanes);
        let mut passes = 1;
        loop {
            let error = match attempt(passes) {
                Ok(done) => return Ok((done, passes)),
                Err(Stopped::Task(error)) => error.into_engine_error(self.name()),
                Err(stopped) => return Err(self.stopped(stopped)),
            };
            let (step, source) = match error {
                EngineError::Plugin { step, source } if is_short_of_memory(&source) => {
                    (step, source)
                }
                other => return Err(other),
            };
            if passes == most {
                return Err(if passes == 1 {
                    EngineError::Plugin { step, source }
                } else {
                    EngineError::OutOfMemory {
                        step,
                        passes,
                        source,
                    }
                });
            }
            passes *= 2;
            tracing::info!(
                step,
                passes,
                "the keys do not fit the memory of the plugin's instances: trying more passes"
            );
        }
    }

    /// Says in the engine's words why the lanes stopped.
    pub(super) fn stopped<T: IntoEngineError>(
        &self,
        stopped: Stopped<T, EngineError>,
    ) -> EngineError {
        match stopped {
            Stopped::Task(error) => error.into_engine_error(self.name()),
            Stopped::Outside(error) => error,
            Stopped::NullKey(column) => self.data_error(DataError::NullKey {
                path: String::new(),
                column,
                place: String::new(),
            }),
            Stopped::Route(source) => self.arrow_error(source),
            Stopped::Cancelled => self.cancelled(),
        }
    }

    pub(super) fn arrow_error(&self, source: ArrowError) -> EngineError {
        EngineError::Arrow {
            step: self.name().to_owned(),
            source,
        }
    }
}

fn is_short_of_memory(error: &PluginError) -> bool {
    let limit = |limit: &Limit| matches!(limit, Limit::Memory { .. });
    matches!(error, PluginError::LimitReached { limit: reached, .. } if limit(reached))
}

/// A task's error as the engine's.
pub(super) trait IntoEngineError {
    fn into_engine_error(self, step: &str) -> EngineError;
}

impl IntoEngineError for PluginError {
    fn into_engine_error(self, step: &str) -> EngineError {
        EngineError::Plugin {
            step: step.to_owned(),
            source: self,
        }
    }
}
