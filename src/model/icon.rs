//! The picture of a world, for `#[serde(with = "…")]`. What is none is left out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes of a world's picture. A larger one is left out.
pub const MAX_ICON: usize = 32 << 10;
/// Width and height of a world's picture. A larger one is left out.
pub const MAX_ICON_SIDE: u32 = 64;

/// Writes it.
pub fn serialize<S: Serializer>(icon: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
    icon.as_ref().filter(|icon| is_icon(icon)).map(|icon| STANDARD.encode(icon)).serialize(serializer)
}

/// Reads it.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| STANDARD.decode(text).ok()).filter(|icon| is_icon(icon)))
}

/// Whether these bytes are a PNG file that may be shown, by its size.
pub fn is_icon(bytes: &[u8]) -> bool {
    let side = |place: usize| {
        let bytes = bytes.get(place..)?.first_chunk()?;
        Some(u32::from_be_bytes(*bytes)).filter(|side| (1..=MAX_ICON_SIDE).contains(side))
    };
    bytes.len() <= MAX_ICON
        && bytes.starts_with(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
        && side(16).is_some()
        && side(20).is_some()
}
