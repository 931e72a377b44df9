//! The picture of a world, which may come from anybody: it is small, or there is none.

use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, Encoder, Limits, Transformations};

use crate::model::icon::{MAX_ICON, MAX_ICON_SIDE};

/// No picture is larger.
pub const MAX_FILE: usize = 1_000_000;

/// The game writes 64; a map may bring a larger one.
const MAX_SIDE: u32 = 1024;

/// The colours of a pixel: red, green, blue and how little of what is behind it shines through.
const CHANNELS: usize = 4;

/// A picture, pixel by pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Width and height.
    pub size: [usize; 2],
    /// Four bytes for each pixel, row by row.
    pub pixels: Vec<u8>,
}

impl Picture {
    /// The picture in `bytes`, a PNG file; none if it is something else or too large.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MAX_FILE {
            return None;
        }
        let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: 16 << 20 });
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
        let count = size[0] * size[1];
        match frame.color_type {
            ColorType::Rgba if pixels.len() == count * CHANNELS => Some(Self { size, pixels: pixels.to_vec() }),
            ColorType::GrayscaleAlpha if pixels.len() == count * 2 => {
                let pixels =
                    pixels.chunks_exact(2).flat_map(|pixel| [pixel[0], pixel[0], pixel[0], pixel[1]]).collect();
                Some(Self { size, pixels })
            }
            _ => None,
        }
    }

    /// The same with no side longer than `longest_side`: each pixel is the mean of those that it stands for.
    fn within(&self, longest_side: usize) -> Self {
        let [width, height] = self.size;
        let longest = width.max(height);
        if longest <= longest_side {
            return self.clone();
        }
        let scaled = |length: usize| (length * longest_side / longest).max(1);
        let size = [scaled(width), scaled(height)];
        let part = |index: usize, from: usize, to: usize| index * from / to..((index + 1) * from).div_ceil(to);
        let mut pixels = Vec::with_capacity(size[0] * size[1] * CHANNELS);
        for (row, column) in (0..size[1]).flat_map(|row| (0..size[0]).map(move |column| (row, column))) {
            let (rows, columns) = (part(row, height, size[1]), part(column, width, size[0]));
            let count = rows.len() * columns.len();
            for channel in 0..CHANNELS {
                let bytes =
                    rows.clone().flat_map(|y| columns.clone().map(move |x| (y * width + x) * CHANNELS + channel));
                let sum: usize = bytes.map(|at| usize::from(self.pixels[at])).sum();
                pixels.push(u8::try_from(sum / count).unwrap_or(u8::MAX));
            }
        }
        Self { size, pixels }
    }

    fn write(&self) -> Option<Vec<u8>> {
        let [width, height] = self.size.map(|side| u32::try_from(side).ok());
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, width?, height?);
        encoder.set_color(ColorType::Rgba);
        encoder.set_depth(BitDepth::Eight);
        encoder.write_header().ok()?.write_image_data(&self.pixels).ok()?;
        Some(file)
    }
}

/// The picture in `bytes`, small enough for a ledger, as a PNG file; none if there is none in it.
pub fn icon(bytes: &[u8]) -> Option<Vec<u8>> {
    let picture = Picture::read(bytes)?;
    let side = usize::try_from(MAX_ICON_SIDE).ok()?;
    if bytes.len() <= MAX_ICON && picture.size.iter().all(|length| *length <= side) {
        return Some(bytes.to_vec());
    }
    picture.within(side).write()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32, color: ColorType, pixel: impl Fn(u32, u32) -> u8) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, width, height);
        encoder.set_color(color);
        encoder.set_depth(BitDepth::Eight);
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let pixels: Vec<_> = places.flat_map(|(x, y)| vec![pixel(x, y); color.samples()]).collect();
        encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
        file
    }

    fn grey(side: u32, color: ColorType) -> Vec<u8> {
        png(side, side, color, |_, _| 127)
    }

    #[test]
    fn a_small_png_of_any_kind_is_a_picture() {
        for color in [ColorType::Rgb, ColorType::Rgba, ColorType::Grayscale, ColorType::GrayscaleAlpha] {
            assert_eq!(Picture::read(&grey(64, color)).unwrap().size, [64, 64], "{color:?}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        let good = grey(64, ColorType::Rgb);
        for length in 0..good.len() {
            let _ = icon(&good[..length]);
        }
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x55;
            let _ = icon(&bad);
        }
        assert!(Picture::read(b"no picture").is_none());
        assert!(Picture::read(&grey(MAX_SIDE + 1, ColorType::Grayscale)).is_none());
        let mut large = good;
        large.resize(MAX_FILE + 1, 0);
        assert!(Picture::read(&large).is_none());
    }

    #[test]
    fn a_small_icon_stays_as_it_is() {
        let small = grey(64, ColorType::Rgb);
        assert_eq!(icon(&small), Some(small));
    }

    #[test]
    fn a_large_icon_gets_small() {
        // White above, black below, and twice as wide as it is high.
        let large = png(256, 128, ColorType::Rgb, |_, y| if y < 64 { 255 } else { 0 });
        let small = icon(&large).unwrap();
        assert!(small.len() <= MAX_ICON);
        let Picture { size, pixels } = Picture::read(&small).unwrap();
        assert_eq!(size, [64, 32]);
        let pixel = |x: usize, y: usize| &pixels[(y * 64 + x) * CHANNELS..][..CHANNELS];
        assert_eq!((pixel(0, 15), pixel(63, 16)), (&[255; 4][..], &[0, 0, 0, 255][..]));
    }

    #[test]
    fn an_icon_of_odd_sides_gets_small() {
        for (width, height) in [(65, 1), (1, 1000), (97, 131), (1024, 1024)] {
            let small =
                Picture::read(&icon(&png(width, height, ColorType::Rgb, |x, _| x.to_le_bytes()[0])).unwrap()).unwrap();
            assert_eq!(small.size.iter().max(), Some(&64), "{width}x{height}");
        }
    }
}
