//! The plugins that are part of this binary.

pub(crate) struct Builtin {
    pub(crate) name: &'static str,
    pub(crate) digest: &'static str,
    pub(crate) component: &'static [u8],
}

static BUILTINS: &[Builtin] = include!(concat!(env!("OUT_DIR"), "/builtins.rs"));

/// Returns the names of the built-in plugins, sorted.
pub fn builtin_names() -> impl Iterator<Item = &'static str> {
    BUILTINS.iter().map(|builtin| builtin.name)
}

pub(crate) fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}
