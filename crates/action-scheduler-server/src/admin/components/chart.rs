//! Charts: inline SVG, with the same figures as a table behind them.
