//! Colours in sRGB, and the contrast between two of them as WCAG 2.2 defines it.

use std::fmt;

/// An opaque colour, `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color([u8; 3]);

impl Color {
    /// Black.
    pub const BLACK: Self = Self([0, 0, 0]);
    /// White.
    pub const WHITE: Self = Self([255, 255, 255]);

    /// A colour by its parts: red, green, blue.
    pub const fn new(red: u8, green: u8, blue: u8) -> Self {
        Self([red, green, blue])
    }

    /// Parses `#rrggbb`, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        let [_, red, green, blue] = u32::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 6)?.to_be_bytes();
        Some(Self([red, green, blue]))
    }

    /// The contrast of a text in this colour on a background, from 1 to 21 (WCAG 2.2, "contrast ratio").
    pub fn contrast(self, background: Self) -> f64 {
        let (one, other) = (self.luminance(), background.luminance());
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// Black or white, whichever is easier to read on this colour. Its contrast is at least 4.5.
    pub fn text_color(self) -> Self {
        if Self::WHITE.contrast(self) >= Self::BLACK.contrast(self) { Self::WHITE } else { Self::BLACK }
    }

    /// This colour, mixed with black or white until it has this contrast on all of the backgrounds.
    pub fn with_contrast(self, ratio: f64, backgrounds: &[Self]) -> Self {
        const STEPS: u16 = 50;
        let is_light = backgrounds.iter().all(|background| background.text_color() == Self::BLACK);
        let target = if is_light { Self::BLACK } else { Self::WHITE };
        let mixed = (0..STEPS).map(|step| self.mixed(target, step, STEPS));
        let is_readable = |color: &Self| backgrounds.iter().all(|background| color.contrast(*background) >= ratio);
        mixed.into_iter().find(is_readable).unwrap_or(target)
    }

    fn mixed(self, other: Self, part: u16, whole: u16) -> Self {
        let mix = |own: u8, other: u8| {
            let mixed = (u16::from(own) * (whole - part) + u16::from(other) * part) / whole;
            u8::try_from(mixed).unwrap_or(u8::MAX)
        };
        Self(std::array::from_fn(|at| mix(self.0[at], other.0[at])))
    }

    fn luminance(self) -> f64 {
        let linear = self.0.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_six_hex_digits_after_a_number_sign_are_a_color() {
        assert_eq!(Color::parse("#0B6b4f"), Some(Color::new(11, 107, 79)));
        for text in ["", "#", "0b6b4f", "#0b6", "#0b6b4", "#0b6b4f0", "#0b6b4g", "#+b6b4f", "green", " #0b6b4f"] {
            assert_eq!(Color::parse(text), None, "{text}");
        }
    }

    #[test]
    fn contrast_is_that_of_the_examples_of_wcag() {
        let contrast = |color: &str| Color::parse(color).expect("a colour").contrast(Color::WHITE);
        for (color, expected) in [("#000000", 21.0), ("#ffffff", 1.0), ("#767676", 4.54), ("#0000ff", 8.59)] {
            assert!((contrast(color) - expected).abs() < 0.01, "{color}: {}", contrast(color));
        }
    }

    proptest! {
        #[test]
        fn every_color_has_a_readable_text_and_a_readable_variant(parts in any::<[u8; 3]>()) {
            let color = Color(parts);
            prop_assert!(color.text_color().contrast(color) >= 4.5);
            prop_assert_eq!(Color::parse(&color.to_string()), Some(color));
            for background in [Color::new(243, 245, 241), Color::WHITE, Color::new(24, 31, 28), Color::BLACK] {
                prop_assert!(color.with_contrast(4.5, &[background]).contrast(background) >= 4.5);
            }
        }
    }
}
