//! Chance that is the same each time, so that all demos show the same.

/// A row of numbers that look random.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    /// A number below this one; 0 when that is 0.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        // xorshift64*, which is plenty for a demo.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16;
        number.checked_rem(limit).unwrap_or_default()
    }

    /// Whether something happens that happens so often in a thousand.
    pub(super) fn happens(&mut self, in_a_thousand: u64) -> bool {
        self.below(1000) < in_a_thousand
    }

    /// A number around this one: mostly near it, now and then several times as large.
    pub(super) fn around(&mut self, usual: u64) -> u64 {
        let spread = usual / 2 + self.below(usual);
        match self.happens(40) {
            true => spread * (2 + self.below(6)),
            false => spread,
        }
    }
}
