//! Where the component of a step comes from.

use std::{fmt, str::FromStr};

/// How a manifest names a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PluginReference {
    /// `builtin:NAME`: a plugin that comes with Wigeon.
    Builtin(String),

    /// `file:PATH`: a component on disk; a relative path starts at the manifest.
    File(String),

    /// `oci:REGISTRY/NAME:VERSION`: a component in an OCI registry, such as
    /// `oci:registry.example.com/team/mask:1.2.0`.
    Oci(String),
}

/// Why a text is not a plugin reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PluginReferenceError {
    /// There is none of `builtin:`, `file:` and `oci:` in front.
    #[error("a plugin is named as `builtin:NAME`, `file:PATH` or `oci:REGISTRY/NAME:VERSION`")]
    Scheme,

    /// What follows `builtin:` is not a name of lower-case words joined by `-`.
    #[error("the name of a built-in plugin is made of lower-case letters, digits and `-`")]
    Name,

    /// Nothing follows `file:`.
    #[error("`file:` is followed by the path of a component")]
    Path,

    /// What follows `oci:` is not a registry's host, a name and a version.
    #[error(
        "`oci:` is followed by the host of a registry, a name in lower case and a version, as in \
         `oci:registry.example.com/team/mask:1.2.0`"
    )]
    Oci,
}

impl FromStr for PluginReference {
    type Err = PluginReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("builtin", name)) => {
                let first = name.starts_with(|c: char| c.is_ascii_lowercase());
                let rest = name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
                if first && rest && !name.ends_with('-') {
                    Ok(Self::Builtin(name.to_owned()))
                } else {
                    Err(PluginReferenceError::Name)
                }
            }
            Some(("file", path)) => {
                if path.trim().is_empty() || path.contains('\0') {
                    Err(PluginReferenceError::Path)
                } else {
                    Ok(Self::File(path.to_owned()))
                }
            }
            Some(("oci", place)) => {
                if is_oci(place) {
                    Ok(Self::Oci(place.to_owned()))
                } else {
                    Err(PluginReferenceError::Oci)
                }
            }
            _ => Err(PluginReferenceError::Scheme),
        }
    }
}

/// Says whether a text has the parts of a reference of the OCI distribution specification
/// (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md>), none left out: a host
/// that can be told from a name by a dot or a port, or is `localhost`; a name; and a version, which
/// is a tag.
fn is_oci(place: &str) -> bool {
    let Some((host, rest)) = place.split_once('/') else {
        return false;
    };
    let Some((name, tag)) = rest.rsplit_once(':') else {
        return false;
    };
    let is_host = host.starts_with("localhost") || host.contains(['.', ':']);
    let host = host
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c));
    let name = name.split('/').all(|part| {
        let ends =
            |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        ends(part.chars().next()) && ends(part.chars().last()) && part.chars().all(inside)
    });
    let first = tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let tag = tag.len() <= 128
        && tag
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    is_host && host && name && first && tag
}

impl fmt::Display for PluginReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin(name) => write!(f, "builtin:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
            Self::Oci(place) => write!(f, "oci:{place}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_print_as_they_were_written() {
        for text in [
            "builtin:point-in-time",
            "file:../my plugin.wasm",
            "file:C:/x.wasm",
            "oci:registry.example.com/team/mask:1.2.0",
            "oci:localhost/a:1",
            "oci:127.0.0.1:5000/a/b-c/d_e.f:v1.0-rc.1",
        ] {
            assert_eq!(text.parse::<PluginReference>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for (text, error) in [
            ("scd2", PluginReferenceError::Scheme),
            ("oci:x", PluginReferenceError::Oci),
            ("oci:team/mask:1.0", PluginReferenceError::Oci),
            ("oci:example.com/mask", PluginReferenceError::Oci),
            ("oci:example.com/Mask:1", PluginReferenceError::Oci),
            ("oci:example.com/mask:", PluginReferenceError::Oci),
            ("oci:example.com//mask:1", PluginReferenceError::Oci),
            ("oci:https://example.com/mask:1", PluginReferenceError::Oci),
            ("builtin:", PluginReferenceError::Name),
            ("builtin:Scd2", PluginReferenceError::Name),
            ("builtin:../x", PluginReferenceError::Name),
            ("file: ", PluginReferenceError::Path),
        ] {
            assert_eq!(text.parse::<PluginReference>(), Err(error), "{text}");
        }
    }
}
