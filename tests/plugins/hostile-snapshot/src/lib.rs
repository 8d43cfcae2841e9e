//! The hostile guest as a component of the kind snapshot: a component exports one kind.

#[cfg(target_family = "wasm")]
const _: () = {
    type Exported = wigeon_hostile::Hostile;
    use wigeon_hostile::bindings::snapshot as bindings;
    bindings::__export_hostile_snapshot!(Exported with_types_in bindings);
};
