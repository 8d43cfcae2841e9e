//! The hostile guest as a component of the kind transform: a component exports one kind.

#[cfg(target_family = "wasm")]
const _: () = {
    type Exported = wigeon_hostile::Hostile;
    use wigeon_hostile::bindings::transform as bindings;
    bindings::__export_hostile_transform!(Exported with_types_in bindings);
};
