//! The key, and the hash under it.

use wigeon_sdk::Error;

/// Part of every key that is made of a text, as BLAKE3 asks for: another program that derives keys
/// of the same text has other keys.
const CONTEXT: &str = "wigeon example plugin mask 2026-11-22 key of a text";

/// The fewest bytes of a key that is given as text.
const SHORTEST_TEXT: usize = 16;

/// How many hexadecimal digits a key has that is given as such.
const DIGITS: usize = 2 * blake3::KEY_LEN;

/// A key of 32 bytes. It is never shown, not even by `Debug`.
pub(crate) struct Secret([u8; blake3::KEY_LEN]);

impl Secret {
    /// Takes 64 hexadecimal digits as they are, and derives a key of any other text.
    pub(crate) fn try_new(key: &str) -> Result<Self, Error> {
        if key.len() == DIGITS
            && let Ok(bytes) = blake3::Hash::from_hex(key)
        {
            return Ok(Self(*bytes.as_bytes()));
        }
        if key.len() < SHORTEST_TEXT {
            return Err(Error::options(format!(
                "`key` is too short: {SHORTEST_TEXT} bytes of text at least, or {DIGITS} hexadecimal digits"
            )));
        }
        Ok(Self(blake3::derive_key(CONTEXT, key.as_bytes())))
    }

    /// Returns the mask of a value, 64 hexadecimal digits in lower case.
    pub(crate) fn mask(&self, value: &[u8]) -> impl AsRef<str> + use<> {
        blake3::keyed_hash(&self.0, value).to_hex()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}
