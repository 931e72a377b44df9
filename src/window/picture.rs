//! The picture of a world, which may come from anybody: it is small, or there is none.

use std::io::Cursor;

use eframe::egui::ColorImage;
use png::{ColorType, Decoder, Limits, Transformations};

/// No picture is larger.
pub const MAX_FILE: usize = 1_000_000;

/// The game writes 64.
const MAX_SIDE: u32 = 256;

/// The picture in `bytes`, a PNG file; none if it is something else or too large.
pub fn read(bytes: &[u8]) -> Option<ColorImage> {
    if bytes.len() > MAX_FILE {
        return None;
    }
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: 4 << 20 });
    decoder.set_transformations(Transformations::normalize_to_color8() | Transformations::ALPHA);
    decoder.set_ignore_text_chunk(true);
    let header = decoder.read_header_info().ok()?;
    if header.width > MAX_SIDE || header.height > MAX_SIDE {
        return None;
    }
    let size = [usize::try_from(header.width).ok()?, usize::try_from(header.height).ok()?];
    let mut reader = decoder.read_info().ok()?;
    let mut pixels = vec![0; reader.output_buffer_size()?];
    let frame = reader.next_frame(&mut pixels).ok()?;
    let pixels = pixels.get(..frame.buffer_size())?;
    // `from_*` would panic if these did not fit.
    let count = size[0] * size[1];
    match frame.color_type {
        ColorType::Rgba if pixels.len() == count * 4 => Some(ColorImage::from_rgba_unmultiplied(size, pixels)),
        ColorType::GrayscaleAlpha if pixels.len() == count * 2 => {
            let pixels: Vec<u8> =
                pixels.chunks_exact(2).flat_map(|pixel| [pixel[0], pixel[0], pixel[0], pixel[1]]).collect();
            Some(ColorImage::from_rgba_unmultiplied(size, &pixels))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use png::{BitDepth, Encoder};

    fn png(side: u32, color: ColorType) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, side, side);
        encoder.set_color(color);
        encoder.set_depth(BitDepth::Eight);
        let pixels = vec![127; side as usize * side as usize * color.samples()];
        encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
        file
    }

    #[test]
    fn a_small_png_of_any_kind_is_a_picture() {
        for color in [ColorType::Rgb, ColorType::Rgba, ColorType::Grayscale, ColorType::GrayscaleAlpha] {
            assert_eq!(read(&png(64, color)).unwrap().size, [64, 64], "{color:?}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        let good = png(64, ColorType::Rgb);
        for length in 0..good.len() {
            let _ = read(&good[..length]);
        }
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x55;
            let _ = read(&bad);
        }
        assert!(read(b"no picture").is_none());
        assert!(read(&png(257, ColorType::Rgb)).is_none());
        let mut large = good;
        large.resize(MAX_FILE + 1, 0);
        assert!(read(&large).is_none());
    }
}
