//! What stands outside sources and steps.

use chrono_tz::{TZ_VARIANTS, Tz};

use super::{names, numbers};
use crate::{
    code::Code,
    diagnostic::Diagnostic,
    mistakes::Mistakes,
    pipeline::WarehouseSettings,
    read::Read,
    words::{nearest, printable},
    written,
};

/// The checked settings of a pipeline.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) name: String,
    pub(super) time_zone: Tz,
    pub(super) warehouse: WarehouseSettings,
}

/// `None` means that a mistake was reported; the reverse does not hold.
pub(super) fn check(
    read: &Read<'_, written::Pipeline>,
    mistakes: &mut Mistakes,
) -> Option<Settings> {
    read.require("the manifest", &["name"], mistakes);
    let name = read.value.name.as_deref();
    if let Some(name) = name {
        names::check_identifier("pipeline", name, read.place.value_span("name"), mistakes);
    }
    let time_zone = time_zone(read, mistakes);
    let warehouse = warehouse(read, name.unwrap_or_default(), mistakes);
    Some(Settings {
        name: name?.to_owned(),
        time_zone,
        warehouse,
    })
}

fn time_zone(read: &Read<'_, written::Pipeline>, mistakes: &mut Mistakes) -> Tz {
    let Some(written) = read.value.time_zone.as_deref() else {
        return Tz::UTC;
    };
    written.parse().unwrap_or_else(|_| {
        let names = TZ_VARIANTS.iter().map(|zone| zone.name());
        // A city alone is what is most often written.
        let by_city = names.clone().find(|name| {
            let city = name.rsplit('/').next().unwrap_or(name);
            city.replace('_', " ")
                .eq_ignore_ascii_case(&written.replace('_', " "))
        });
        let help = match by_city.or_else(|| nearest(written, names)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "use a name of the IANA database, such as `Europe/London`".to_owned(),
        };
        let message = format!("there is no time zone {}", printable(written));
        let span = read.place.value_span("time_zone");
        mistakes.add(Diagnostic::new(Code::UnknownTimeZone, span, message).with_help(help));
        Tz::UTC
    })
}

fn warehouse(
    read: &Read<'_, written::Pipeline>,
    pipeline: &str,
    mistakes: &mut Mistakes,
) -> WarehouseSettings {
    let default = written::Warehouse::default();
    let written = read.value.warehouse.as_ref().unwrap_or(&default);
    let place = read.place.inner("warehouse");
    for (key, path) in [
        ("path", &written.path),
        ("temp_directory", &written.temp_directory),
    ] {
        if let (Some(path), Some(place)) = (path, place)
            && !is_plain_path(path)
        {
            let message = format!("`{key}` is {}, which is not a path", printable(path));
            mistakes.add(Diagnostic::new(
                Code::InvalidPath,
                place.value_span(key),
                message,
            ));
        }
    }
    let threads = written
        .threads
        .map(|threads| numbers::whole(Some(threads), 1..=1024, 1, place, "threads", mistakes));
    WarehouseSettings {
        path: written
            .path
            .clone()
            .unwrap_or_else(|| format!("{pipeline}.duckdb")),
        memory_limit_mib: numbers::whole(
            written.memory_limit_mib,
            64..=67_108_864,
            1024,
            place,
            "memory_limit_mib",
            mistakes,
        ),
        threads,
        temp_directory: written.temp_directory.clone(),
    }
}

/// Returns whether a text can be the path of one file or directory.
pub(super) fn is_plain_path(path: &str) -> bool {
    !path.trim().is_empty() && !path.chars().any(char::is_control)
}
