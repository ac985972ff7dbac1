//! Floats as text, the way PHP writes them since 7.1: the fewest digits that read back as the same number.

/// How the exponent of a very large or very small number begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exponent {
    /// `1.0e+25`, as in JSON.
    Small,
    /// `1.0E+25`, as `serialize` has it.
    Capital,
}

/// The text of a finite number: `1`, `-0`, `0.1`, `1.0e+25`.
pub(super) fn text(number: f64, exponent: Exponent) -> String {
    let Decimal { sign, digits, point } = Decimal::of(number);
    // PHP writes all digits out as long as there are at most 17 before the point, or 3 zeros behind it.
    if (-3..=17).contains(&point) {
        let before = usize::try_from(point).unwrap_or(0);
        let zeros = "0".repeat(usize::try_from(-point).unwrap_or(0));
        return match digits.split_at_checked(before) {
            Some(("", "")) => format!("{sign}0"),
            Some((whole, "")) => format!("{sign}{whole}"),
            Some(("", fraction)) => format!("{sign}0.{zeros}{fraction}"),
            Some((whole, fraction)) => format!("{sign}{whole}.{fraction}"),
            None => format!("{sign}{digits:0<before$}"),
        };
    }
    let (first, fraction) = digits.split_at_checked(1).unwrap_or((&digits, ""));
    let fraction = if fraction.is_empty() { "0" } else { fraction };
    let letter = match exponent {
        Exponent::Small => 'e',
        Exponent::Capital => 'E',
    };
    format!("{sign}{first}.{fraction}{letter}{:+}", point - 1)
}

/// A number as `0.digits` times ten to the power of `point`.
struct Decimal {
    sign: &'static str,
    /// Without zeros at either end.
    digits: String,
    point: i32,
}

impl Decimal {
    /// The digits are those of serde_json: where two decimals are as short and as near, it takes the even one like
    /// PHP. The standard library does not.
    fn of(number: f64) -> Self {
        let text = serde_json::to_string(&number.abs()).unwrap_or_default();
        let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0');
        // A double has no more than some 300 digits before the point or zeros behind it.
        let point = (whole.len() + digits.len()) as i32 - all.len() as i32;
        let point = if digits.is_empty() { 0 } else { point + power.parse().unwrap_or(0) };
        Self {
            sign: if number.is_sign_negative() { "-" } else { "" },
            digits: digits.trim_end_matches('0').to_owned(),
            point,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_php_writes_them() {
        for (number, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-2.5, "-2.5"),
            (0.1, "0.1"),
            (0.1 + 0.2, "0.30000000000000004"),
            (2_140_605_084_805_689.0 / 8.0, "267575635600711.12"),
            (-7_842_430_844_119_181.0 / 4.0, "-1960607711029795.2"),
            (1e15, "1000000000000000"),
            (1e16, "10000000000000000"),
            (12_345_678_901_234_568.0, "12345678901234568"),
            (1e17, "1.0e+17"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
            (1e25, "1.0e+25"),
            (1e100, "1.0e+100"),
            (f64::MAX, "1.7976931348623157e+308"),
            (0.0001, "0.0001"),
            (0.000_123, "0.000123"),
            (0.00001, "1.0e-5"),
            (-1.5e-10, "-1.5e-10"),
            (5e-324, "5.0e-324"),
        ] {
            assert_eq!(text(number, Exponent::Small), expected);
        }
        assert_eq!(text(1e25, Exponent::Capital), "1.0E+25");
    }
}
