//! The contract of `wit/` as types: names of interfaces, and records as they cross.

use bytes::Bytes;
use wasmtime::component::{ComponentType, Lift, Lower};
use wigeon_columnar::{FlatField, Node};

/// The version of the package `wigeon:plugin` that this host speaks.
pub const CONTRACT_VERSION: &str = "0.1.0";

/// The package, to which `/<interface>@<version>` is added.
pub(crate) const PACKAGE: &str = "wigeon:plugin";

/// The interfaces that the host offers.
pub(crate) const OFFERED: [&str; 6] = ["columnar", "rows", "output", "log", "about", "failure"];

/// A kind of step, as the exports of a component tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Rows to rows.
    Transform,
    /// The changes between the open versions and a full extract.
    Snapshot,
    /// New rows, completed from a lookup.
    Incremental,
    /// Which keys have changed since they were last applied.
    ChangeDetection,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [
        Self::Transform,
        Self::Snapshot,
        Self::Incremental,
        Self::ChangeDetection,
    ];

    /// Returns the name of the kind, which is the name of its world.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transform => "transform",
            Self::Snapshot => "snapshot",
            Self::Incremental => "incremental",
            Self::ChangeDetection => "change-detection",
        }
    }

    /// Returns the interface that a plugin of this kind exports.
    pub(crate) fn interface(self) -> &'static str {
        match self {
            Self::Transform => "transform-step",
            Self::Snapshot => "snapshot-step",
            Self::Incremental => "incremental-step",
            Self::ChangeDetection => "change-detection-step",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Returns the full name of an interface of this contract.
pub(crate) fn full_name(interface: &str) -> String {
    format!("{PACKAGE}/{interface}@{CONTRACT_VERSION}")
}

/// The host's side of the resource `columnar.batch`. It is only ever lent, so there is no more to
/// it than a number: the call that it belongs to.
#[derive(Debug)]
pub(crate) struct LentBatch;

#[derive(Debug, Clone, ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct FieldRecord {
    name: String,
    format: String,
    nullable: bool,
    children: u32,
}

impl From<FlatField> for FieldRecord {
    fn from(field: FlatField) -> Self {
        Self {
            name: field.name,
            format: field.format,
            nullable: field.nullable,
            children: field.children,
        }
    }
}

impl From<FieldRecord> for FlatField {
    fn from(field: FieldRecord) -> Self {
        Self {
            name: field.name,
            format: field.format,
            nullable: field.nullable,
            children: field.children,
        }
    }
}

#[derive(Debug, Clone, Copy, ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct NodeRecord {
    length: u32,
    #[component(name = "null-count")]
    null_count: u32,
}

impl From<Node> for NodeRecord {
    fn from(node: Node) -> Self {
        Self {
            length: node.length,
            null_count: node.null_count,
        }
    }
}

impl From<NodeRecord> for Node {
    fn from(node: NodeRecord) -> Self {
        Self {
            length: node.length,
            null_count: node.null_count,
        }
    }
}

/// An array as it crosses. `Bytes` can own an Arrow buffer, so going in there is one copy, from
/// Arrow's memory to the guest's.
#[derive(Debug, Clone, ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct ArrayRecord {
    pub(crate) nodes: Vec<NodeRecord>,
    pub(crate) buffers: Vec<Bytes>,
}

#[derive(Debug, Clone, Copy, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "made by lifting")]
pub(crate) enum OriginEnum {
    #[component(name = "current")]
    Current,
    #[component(name = "kept")]
    Kept,
}

#[derive(Debug, ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct SelectionRecord {
    pub(crate) origin: OriginEnum,
    pub(crate) rows: Vec<u32>,
}

#[derive(Debug, ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct GatheredRecord {
    pub(crate) selection: u32,
    pub(crate) column: u32,
}

#[derive(Debug, ComponentType, Lift, Lower)]
#[component(variant)]
pub(crate) enum ColumnVariant {
    #[component(name = "forward")]
    Forward(u32),
    #[component(name = "gather")]
    Gather(GatheredRecord),
    #[component(name = "values")]
    Values(ArrayRecord),
}

#[derive(Debug, Clone, Copy, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "made by lifting")]
pub(crate) enum LevelEnum {
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
}

#[derive(Debug, ComponentType, Lift, Lower)]
#[component(variant)]
pub(crate) enum ErrorVariant {
    #[component(name = "options")]
    Options(String),
    #[component(name = "schema")]
    Schema(String),
    #[component(name = "data")]
    Data(String),
    #[component(name = "other")]
    Other(String),
}

#[derive(Debug, ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct DescriptionRecord {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) summary: String,
    #[component(name = "options-schema")]
    pub(crate) options_schema: String,
}

#[derive(Debug, ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct SnapshotInputRecord {
    pub(crate) extract: Vec<FieldRecord>,
    pub(crate) key: Vec<u32>,
}

#[derive(Debug, ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct IncrementalInputRecord {
    pub(crate) rows: Vec<FieldRecord>,
    #[component(name = "rows-key")]
    pub(crate) rows_key: Vec<u32>,
    pub(crate) lookup: Vec<FieldRecord>,
    #[component(name = "lookup-key")]
    pub(crate) lookup_key: Vec<u32>,
}

#[derive(Debug, ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct ShapeRecord {
    pub(crate) fields: Vec<FieldRecord>,
    #[component(name = "row-wise")]
    pub(crate) row_wise: bool,
    #[component(name = "event-time")]
    pub(crate) event_time: Option<u32>,
}

#[derive(Debug, ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct ChangeDetectionInputRecord {
    pub(crate) versions: Vec<FieldRecord>,
    pub(crate) key: Vec<u32>,
}
