//! The values of a step's keys, each by itself.

use std::ops::Range;

use super::word;
use crate::{
    check::numbers,
    code::Code,
    diagnostic::Diagnostic,
    mistakes::{Mistakes, below},
    options,
    plugin_reference::PluginReference,
    read::Read,
    schedule::{Schedule, ScheduleError},
    step::{Allowed, Guard, StepLimits},
    words::printable,
    written::{self, ALLOWED},
};

pub(super) fn plugin(
    read: &Read<'_, written::Step>,
    mistakes: &mut Mistakes,
) -> Option<PluginReference> {
    let written = read.value.plugin.as_deref()?;
    match written.parse() {
        Ok(reference) => Some(reference),
        Err(error) => {
            let error: crate::PluginReferenceError = error;
            let message = format!("{} does not name a plugin", printable(written));
            let span = read.place.value_span("plugin");
            mistakes.add(
                Diagnostic::new(Code::InvalidPlugin, span, message).with_help(error.to_string()),
            );
            None
        }
    }
}

pub(super) fn schedule(
    read: &Read<'_, written::Step>,
    mistakes: &mut Mistakes,
) -> Option<Schedule> {
    let written = read.value.schedule.as_deref()?;
    match written.parse() {
        Ok(schedule) => Some(schedule),
        Err(error) => {
            let message = match &error {
                ScheduleError::Field { written, name, .. } => {
                    let article = if *name == "hour" { "an" } else { "a" };
                    format!("{} is not {article} {name}", printable(written))
                }
                _ => format!("{} is not a schedule", printable(written)),
            };
            let span = read.place.value_span("schedule");
            mistakes.add(
                Diagnostic::new(Code::InvalidSchedule, span, message).with_help(format!(
                    "{error}; a schedule is written as in cron, for example `30 2 * * *`"
                )),
            );
            None
        }
    }
}

pub(super) fn limits(read: &Read<'_, written::Step>, mistakes: &mut Mistakes) -> StepLimits {
    let default = StepLimits::default();
    let Some(limits) = &read.value.limits else {
        return default;
    };
    let place = read.place.inner("limits");
    StepLimits {
        memory_mib: numbers::whole(
            limits.memory_mib,
            1..=4096,
            default.memory_mib,
            place,
            "memory_mib",
            mistakes,
        ),
        call_timeout_secs: numbers::whole(
            limits.call_timeout_secs,
            1..=604_800,
            default.call_timeout_secs,
            place,
            "call_timeout_secs",
            mistakes,
        ),
        output_rows: numbers::whole(
            limits.output_rows,
            1..=u64::MAX,
            default.output_rows,
            place,
            "output_rows",
            mistakes,
        ),
        output_mib: numbers::whole(
            limits.output_mib,
            1..=1_048_576,
            default.output_mib,
            place,
            "output_mib",
            mistakes,
        ),
        log_lines: numbers::whole(
            limits.log_lines,
            0..=1_000_000,
            default.log_lines,
            place,
            "log_lines",
            mistakes,
        ),
        lanes: limits
            .lanes
            .map(|lanes| numbers::whole(Some(lanes), 1..=128, 1, place, "lanes", mistakes)),
    }
}

pub(super) fn allow(read: &Read<'_, written::Step>, mistakes: &mut Mistakes) -> Allowed {
    let mut allowed = Allowed::default();
    for written in read.value.allow.iter().flatten() {
        match word(read, "allow", Some(written.as_str()), &ALLOWED, mistakes) {
            Some("clock") => allowed.clock = true,
            Some("random") => allowed.random = true,
            _ => {}
        }
    }
    allowed
}

pub(super) fn guard(read: &Read<'_, written::Step>, mistakes: &mut Mistakes) -> Guard {
    let default = Guard::default();
    let Some(guard) = &read.value.guard else {
        return default;
    };
    let place = read.place.inner("guard");
    Guard {
        min_rows: numbers::whole(
            guard.min_rows,
            0..=u64::MAX,
            default.min_rows,
            place,
            "min_rows",
            mistakes,
        ),
        max_closed_share: numbers::share(
            guard.max_closed_share,
            default.max_closed_share,
            place,
            "max_closed_share",
            mistakes,
        ),
        max_changed_share: numbers::share(
            guard.max_changed_share,
            default.max_changed_share,
            place,
            "max_changed_share",
            mistakes,
        ),
    }
}

pub(super) fn options_of(
    read: &Read<'_, written::Step>,
    mistakes: &mut Mistakes,
) -> (serde_json::Value, Range<usize>) {
    let empty = serde_json::Map::new();
    let Some(value) = read.place.table().get("options") else {
        return (empty.into(), read.place.span());
    };
    let object = if let Some(table) = read.place.inner("options") {
        options::to_json(table.table(), mistakes)
    } else {
        let path = below(&read.path, "options");
        mistakes.add_wrong_type(value.span(), &path, value.get_ref().type_str());
        empty
    };
    (object.into(), value.span())
}
