//! Where a record stands in the journal: one total order over all streams.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number of a segment, from 1.
pub type SegmentNo = u64;

/// A line of a segment. The header is line 1, so that records have lines from 2; line 0 stands before all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Position {
    pub segment: SegmentNo,
    pub line: u32,
}

/// Bits of the packed form that hold the line: a segment never has 16 million lines.
const LINE_BITS: u32 = 24;

impl Position {
    /// Before everything.
    pub const START: Self = Self { segment: 0, line: 0 };

    pub fn new(segment: SegmentNo, line: u32) -> Self {
        Self { segment, line }
    }

    /// The form that the column `_position` holds: order is kept, one number a position.
    pub fn pack(self) -> i64 {
        ((self.segment << LINE_BITS) | u64::from(self.line)).cast_signed()
    }

    pub fn unpack(packed: i64) -> Self {
        let packed = packed.cast_unsigned();
        let line = u32::try_from(packed & ((1 << LINE_BITS) - 1)).expect("24 bits fit 32");
        Self { segment: packed >> LINE_BITS, line }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.segment, self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_keeps_order_and_value() {
        let positions = [Position::START, Position::new(1, 2), Position::new(1, 9_999), Position::new(2, 0)];
        assert!(positions.windows(2).all(|pair| pair[0].pack() < pair[1].pack()));
        assert!(positions.iter().all(|position| Position::unpack(position.pack()) == *position));
    }
}
