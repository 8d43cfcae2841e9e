//! What `wit-bindgen` makes of the four worlds. The imports are generated once and shared.

#![expect(
    missing_docs,
    clippy::pedantic,
    clippy::use_self,
    reason = "generated code"
)]

pub mod transform {
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "transform",
        pub_export_macro: true,
        export_macro_name: "__export_hostile_transform",
        default_bindings_module: "wigeon_hostile::bindings::transform",
    });
}

pub use transform::wigeon::plugin::{about, columnar, failure, log, output, rows};

pub mod snapshot {
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "snapshot",
        pub_export_macro: true,
        export_macro_name: "__export_hostile_snapshot",
        default_bindings_module: "wigeon_hostile::bindings::snapshot",
        with: {
            "wigeon:plugin/columnar@0.1.0": crate::bindings::columnar,
            "wigeon:plugin/rows@0.1.0": crate::bindings::rows,
            "wigeon:plugin/output@0.1.0": crate::bindings::output,
            "wigeon:plugin/log@0.1.0": crate::bindings::log,
            "wigeon:plugin/about@0.1.0": crate::bindings::about,
            "wigeon:plugin/failure@0.1.0": crate::bindings::failure,
        },
    });
}

pub mod incremental {
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "incremental",
        pub_export_macro: true,
        export_macro_name: "__export_hostile_incremental",
        default_bindings_module: "wigeon_hostile::bindings::incremental",
        with: {
            "wigeon:plugin/columnar@0.1.0": crate::bindings::columnar,
            "wigeon:plugin/rows@0.1.0": crate::bindings::rows,
            "wigeon:plugin/output@0.1.0": crate::bindings::output,
            "wigeon:plugin/log@0.1.0": crate::bindings::log,
            "wigeon:plugin/about@0.1.0": crate::bindings::about,
            "wigeon:plugin/failure@0.1.0": crate::bindings::failure,
        },
    });
}

pub mod change_detection {
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "change-detection",
        pub_export_macro: true,
        export_macro_name: "__export_hostile_change_detection",
        default_bindings_module: "wigeon_hostile::bindings::change_detection",
        with: {
            "wigeon:plugin/columnar@0.1.0": crate::bindings::columnar,
            "wigeon:plugin/rows@0.1.0": crate::bindings::rows,
            "wigeon:plugin/output@0.1.0": crate::bindings::output,
            "wigeon:plugin/log@0.1.0": crate::bindings::log,
            "wigeon:plugin/about@0.1.0": crate::bindings::about,
            "wigeon:plugin/failure@0.1.0": crate::bindings::failure,
        },
    });
}
