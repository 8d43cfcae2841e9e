//! The hostile guest as a component of the kind change-detection: a component exports one kind.

#[cfg(target_family = "wasm")]
const _: () = {
    type Exported = wigeon_hostile::Hostile;
    use wigeon_hostile::bindings::change_detection as bindings;
    bindings::__export_hostile_change_detection!(Exported with_types_in bindings);
};
