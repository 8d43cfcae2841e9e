//! The macro that makes a component of a plugin.

/// Exports a plugin as the component that this crate compiles to.
///
/// `wigeon_sdk::export!(snapshot: MyPlugin);` with one of `transform`, `snapshot`, `incremental`
/// and `change_detection`. The crate's type must be `cdylib` (and `rlib`, for native tests); on
/// any target but Wasm this expands to nothing.
#[macro_export]
macro_rules! export {
    (transform: $plugin:ident) => {
        $crate::__export_kind!($plugin, Transforms, transform, __export_transform);
    };
    (snapshot: $plugin:ident) => {
        $crate::__export_kind!($plugin, Snapshots, snapshot, __export_snapshot);
    };
    (incremental: $plugin:ident) => {
        $crate::__export_kind!($plugin, Loads, incremental, __export_incremental);
    };
    (change_detection: $plugin:ident) => {
        $crate::__export_kind!(
            $plugin,
            Detects,
            change_detection,
            __export_change_detection
        );
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_kind {
    ($plugin:ident, $adapter:ident, $world:ident, $export:ident) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Exported = $crate::guest::$adapter<$plugin>;
            use $crate::guest::bindings::$world as bindings;
    bindings::$export!(Exported with_types_in bindings);
        };
    };
}
