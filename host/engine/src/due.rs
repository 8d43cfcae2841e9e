//! Which steps a schedule asks for, by the ledger.

use chrono::{DateTime, Utc};
use wigeon_manifest::Step;
use wigeon_warehouse::Warehouse;

use crate::{EngineError, Project};

/// The ticks of a step's schedule that have passed since its last run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    /// The latest of them: the logical time of the run that catches up.
    pub(crate) tick: DateTime<Utc>,
    /// How many there are.
    pub(crate) ticks: u64,
}

/// Says whether `step` is due at `at`. A step that has never run is due if its schedule has ever
/// ticked; one without a schedule never is.
pub(crate) fn due(
    project: &Project,
    warehouse: &Warehouse,
    step: &Step,
    at: DateTime<Utc>,
) -> Result<Option<Due>, EngineError> {
    let Some(schedule) = &step.schedule else {
        return Ok(None);
    };
    let time_zone = project.pipeline().time_zone();
    let last = warehouse
        .last_load(&step.name)
        .map_err(EngineError::ReadWarehouse)?;
    let Some(last) = last else {
        let tick = schedule.last_at_or_before(time_zone, at);
        return Ok(tick.map(|tick| Due { tick, ticks: 1 }));
    };
    let mut ticks = 0;
    let mut latest = None;
    for tick in schedule.ticks(time_zone, last.logical_time, at) {
        ticks += 1;
        latest = Some(tick);
    }
    Ok(latest.map(|tick| Due { tick, ticks }))
}
