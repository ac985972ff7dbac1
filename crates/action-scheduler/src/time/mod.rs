//! Clocks, and dates as people write them.
