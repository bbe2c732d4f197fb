//! Decimal digits of any script.

/// The zeros of Unicode's decimal digits (general category Nd); nine more follow each.
const ZEROS: [u32; 37] = [
    0x0030, 0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66,
    0x0de6, 0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50,
    0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10,
];
/// Mathematical digits: five alphabets without a gap.
const MATHEMATICAL: std::ops::RangeInclusive<u32> = 0x1d7ce..=0x1d7ff;

/// What the character is worth as a digit.
pub(super) fn digit(c: char) -> Option<u8> {
    let code = u32::from(c);
    if code < 0x80 {
        return c.to_digit(10).and_then(|value| u8::try_from(value).ok());
    }
    let value = if MATHEMATICAL.contains(&code) {
        (code - MATHEMATICAL.start()) % 10
    } else {
        let zero = ZEROS[..ZEROS.partition_point(|zero| *zero <= code)].last()?;
        code - zero
    };
    u8::try_from(value).ok().filter(|value| *value < 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_every_script_count() {
        for (c, value) in [('7', 7), ('٧', 7), ('۷', 7), ('७', 7), ('７', 7), ('𝟕', 7), ('๗', 7)] {
            assert_eq!(digit(c), Some(value), "{c}");
        }
        for c in ['a', '²', '½', '一', ' ', '\u{66a}', '\u{ff1a}'] {
            assert_eq!(digit(c), None, "{c}");
        }
        assert!(ZEROS.is_sorted());
    }
}
