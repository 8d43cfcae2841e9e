//! Which steps a schedule asks for, by the ledger.

use chrono::{DateTime, Utc};
use wigeon_manifest::Step;

use crate::Project;

/// The ticks of a step's schedule that have passed since its last run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    /// The latest of them: the logical time of the run that catches up.
    pub(crate) tick: DateTime<Utc>,
    /// How many there are.
    pub(crate) ticks: u64,
}

/// Says whether `step` is due at `at`, when the logical time of its last load is `last`. A step that has never run is due if its schedule has ever
/// ticked; one without a schedule never is.
pub(crate) fn due(
    project: &Project,
    step: &Step,
    last: Option<DateTime<Utc>>,
    at: DateTime<Utc>,
) -> Option<Due> {
    let schedule = step.schedule.as_ref()?;
    let time_zone = project.pipeline().time_zone();
    let Some(last) = last else {
        let tick = schedule.last_at_or_before(time_zone, at)?;
        return Some(Due { tick, ticks: 1 });
    };
    let mut ticks = 0;
    let mut latest = None;
    for tick in schedule.ticks(time_zone, last, at) {
        ticks += 1;
        latest = Some(tick);
    }
    latest.map(|tick| Due { tick, ticks })
}
