//! One step by itself.

mod values;

use std::ops::Range;

use self::values::{allow, guard, limits, options_of, plugin, schedule};
use super::{column_list, names::check_identifier, numbers};
use crate::{
    code::Code,
    diagnostic::Diagnostic,
    mistakes::Mistakes,
    place::Place,
    plugin_reference::PluginReference,
    read::Read,
    schedule::Schedule,
    step::{
        Allowed, Deleted, Guard, LateExtracts, SnapshotSettings, Step, StepKind, StepLimits,
        UpdateMode,
    },
    words::{did_you_mean, listed, printable},
    written::{self, DELETED, KINDS, LATE_EXTRACTS, UPDATE_MODES},
};

/// The kinds of step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Transform,
    Snapshot,
    Incremental,
    ChangeDetection,
}

impl Kind {
    const ALL: [Self; 4] = [
        Self::Transform,
        Self::Snapshot,
        Self::Incremental,
        Self::ChangeDetection,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Transform => KINDS[0],
            Self::Snapshot => KINDS[1],
            Self::Incremental => KINDS[2],
            Self::ChangeDetection => KINDS[3],
        }
    }

    pub(super) const fn article(self) -> &'static str {
        match self {
            Self::Incremental => "an",
            Self::Transform | Self::Snapshot | Self::ChangeDetection => "a",
        }
    }

    /// The keys that only some kinds have; those a kind requires come first.
    const fn own_keys(self) -> &'static [&'static str] {
        match self {
            Self::Transform => &["store", "max_rejected_rows"],
            Self::Snapshot => &[
                "key",
                "deleted",
                "late_extracts",
                "guard",
                "max_rejected_rows",
            ],
            Self::Incremental => &["key", "lookup", "max_rejected_rows"],
            Self::ChangeDetection => &["target", "update_mode"],
        }
    }

    const fn required_keys(self) -> &'static [&'static str] {
        match self {
            Self::Transform => &[],
            Self::Snapshot => &["key"],
            Self::Incremental => &["key", "lookup"],
            Self::ChangeDetection => &["target"],
        }
    }
}

/// What could be read of a step. What is `None` has left a mistake, unless it is optional.
#[derive(Debug)]
pub(super) struct StepDraft<'t> {
    pub(super) read: &'t Read<'t, written::Step>,
    pub(super) name: Option<&'t str>,
    pub(super) kind: Option<Kind>,
    plugin: Option<PluginReference>,
    schedule: Option<Schedule>,
    limits: StepLimits,
    allow: Allowed,
    max_rejected_rows: u64,
    deleted: Deleted,
    late_extracts: LateExtracts,
    guard: Guard,
    update_mode: UpdateMode,
    options: serde_json::Value,
    options_span: Range<usize>,
}

impl<'t> StepDraft<'t> {
    pub(super) fn place(&self) -> Place<'t> {
        self.read.place
    }

    pub(super) fn input(&self) -> Option<&'t str> {
        self.read.value.input.as_deref()
    }

    pub(super) fn lookup(&self) -> Option<&'t str> {
        self.read.value.lookup.as_deref()
    }

    pub(super) fn target(&self) -> Option<&'t str> {
        self.read.value.target.as_deref()
    }

    /// Returns the columns that are used, if they are named and could be read.
    pub(super) fn columns(&self) -> Option<&'t [String]> {
        self.read.value.columns.as_deref()
    }

    /// Returns the key of a kind that has one, if it could be read.
    pub(super) fn key(&self) -> Option<&'t [String]> {
        match self.kind? {
            Kind::Snapshot | Kind::Incremental => self.read.value.key.as_deref(),
            Kind::Transform | Kind::ChangeDetection => None,
        }
    }

    /// Returns whether the step is a transform whose rows are kept.
    pub(super) fn is_stored_transform(&self) -> bool {
        self.kind == Some(Kind::Transform) && self.read.value.store == Some(true)
    }

    /// Returns what messages call the step: "step `users`".
    pub(super) fn owner(&self) -> String {
        owner(self.name)
    }

    /// Returns what messages call the step, with its kind: "snapshot step `users`".
    pub(super) fn owner_with_kind(&self) -> String {
        match self.kind {
            Some(kind) => format!("{} {}", kind.as_str(), self.owner()),
            None => self.owner(),
        }
    }

    pub(super) fn finish(&self) -> Option<Step> {
        let written = &self.read.value;
        let kind = match self.kind? {
            Kind::Transform => StepKind::Transform {
                store: written.store.unwrap_or(false),
            },
            Kind::Snapshot => StepKind::Snapshot(SnapshotSettings {
                key: written.key.clone()?,
                deleted: self.deleted,
                late_extracts: self.late_extracts,
                guard: self.guard,
            }),
            Kind::Incremental => StepKind::Incremental {
                key: written.key.clone()?,
                lookup: written.lookup.clone()?,
            },
            Kind::ChangeDetection => StepKind::ChangeDetection {
                target: written.target.clone()?,
                update_mode: self.update_mode,
            },
        };
        Some(Step {
            name: self.name?.to_owned(),
            plugin: self.plugin.clone()?,
            kind,
            input: written.input.clone()?,
            columns: written.columns.clone(),
            schedule: self.schedule.clone(),
            limits: self.limits,
            allow: self.allow,
            max_rejected_rows: self.max_rejected_rows,
            options: self.options.clone(),
            options_span: self.options_span.clone(),
            plugin_span: self.place().value_span("plugin"),
            update_mode_span: match written.update_mode {
                Some(_) => self.place().value_span("update_mode"),
                None => self.place().span(),
            },
            span: self.place().span(),
        })
    }
}

fn owner(name: Option<&str>) -> String {
    match name {
        Some(name) => format!("step {}", printable(name)),
        None => "the step".to_owned(),
    }
}

pub(super) fn check<'t>(
    read: &'t Read<'t, written::Step>,
    mistakes: &mut Mistakes,
) -> StepDraft<'t> {
    let place = read.place;
    let name = read.value.name.as_deref();
    if let Some(name) = name {
        check_identifier("step", name, place.value_span("name"), mistakes);
    }
    let kind = kind(read, mistakes);
    let required = kind.map_or(&[] as &[&str], Kind::required_keys);
    let required = [&["name", "kind", "plugin", "input"], required].concat();
    read.require(&owner(name), &required, mistakes);
    if let Some(kind) = kind {
        refuse_misplaced(read, kind, mistakes);
    }
    if let Some(columns) = &read.value.columns {
        column_list::check(columns, place, "columns", Code::NoColumns, mistakes);
    }
    if let (Some(key), Some(Kind::Snapshot | Kind::Incremental)) = (&read.value.key, kind) {
        column_list::check(key, place, "key", Code::EmptyKey, mistakes);
    }
    let (options, options_span) = options_of(read, mistakes);
    StepDraft {
        read,
        name,
        kind,
        plugin: plugin(read, mistakes),
        schedule: schedule(read, mistakes),
        limits: limits(read, mistakes),
        allow: allow(read, mistakes),
        max_rejected_rows: numbers::whole(
            read.value.max_rejected_rows,
            0..=u64::MAX,
            0,
            Some(place),
            "max_rejected_rows",
            mistakes,
        ),
        deleted: match word(
            read,
            "deleted",
            read.value.deleted.as_deref(),
            &DELETED,
            mistakes,
        ) {
            Some("ignore") => Deleted::Ignore,
            Some("record") => Deleted::Record,
            _ => Deleted::Close,
        },
        late_extracts: match word(
            read,
            "late_extracts",
            read.value.late_extracts.as_deref(),
            &LATE_EXTRACTS,
            mistakes,
        ) {
            Some("insert") => LateExtracts::Insert,
            _ => LateExtracts::Refuse,
        },
        guard: guard(read, mistakes),
        update_mode: match word(
            read,
            "update_mode",
            read.value.update_mode.as_deref(),
            &UPDATE_MODES,
            mistakes,
        ) {
            Some("merge-on-read") => UpdateMode::MergeOnRead,
            Some("copy-on-write") => UpdateMode::CopyOnWrite,
            _ => UpdateMode::Auto,
        },
        options,
        options_span,
    }
}

fn kind(read: &Read<'_, written::Step>, mistakes: &mut Mistakes) -> Option<Kind> {
    let written = read.value.kind.as_deref()?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == written);
    if kind.is_none() {
        let message = format!("there is no step kind {}", printable(written));
        let help = did_you_mean(written, KINDS, "kinds");
        let span = read.place.value_span("kind");
        mistakes.add(Diagnostic::new(Code::UnknownKind, span, message).with_help(help));
    }
    kind
}

/// Reports keys of other kinds, and the schedule of a step that does not run by itself.
fn refuse_misplaced(read: &Read<'_, written::Step>, kind: Kind, mistakes: &mut Mistakes) {
    let place = read.place;
    let mut foreign: Vec<&str> = Vec::new();
    for key in Kind::ALL.iter().flat_map(|kind| kind.own_keys()) {
        if place.has(key) && !kind.own_keys().contains(key) && !foreign.contains(key) {
            foreign.push(key);
        }
    }
    for key in foreign {
        let owners: Vec<_> = Kind::ALL
            .into_iter()
            .filter(|kind| kind.own_keys().contains(&key))
            .map(Kind::as_str)
            .collect();
        let message = format!(
            "`{key}` has no meaning in {} {} step",
            kind.article(),
            kind.as_str()
        );
        mistakes.add(
            Diagnostic::new(Code::MisplacedKey, place.key_span(key), message).with_help(format!(
                "remove it: it is a key of {} steps",
                listed(&owners)
            )),
        );
    }
    if kind == Kind::Transform
        && place.has("schedule")
        && read.value.store != Some(true)
        && !read.is_broken("store")
    {
        mistakes.add(
            Diagnostic::new(
                Code::MisplacedKey,
                place.key_span("schedule"),
                "`schedule` has no meaning in a transform step that is not stored",
            )
            .with_help(
                "it runs with the steps that read it: schedule those, or add `store = true`",
            ),
        );
    }
}

/// Returns a word that is one of `allowed`.
pub(super) fn word<'t, T>(
    read: &Read<'_, T>,
    key: &str,
    written: Option<&'t str>,
    allowed: &[&'static str],
    mistakes: &mut Mistakes,
) -> Option<&'t str> {
    let written = written?;
    if !allowed.contains(&written) {
        let message = format!("`{key}` cannot be {}", printable(written));
        let help = did_you_mean(written, allowed.iter().copied(), "choices");
        let span = read.place.value_span(key);
        mistakes.add(Diagnostic::new(Code::UnknownValue, span, message).with_help(help));
    }
    Some(written)
}
