//! Text from outside, made fit for a log.

/// Bytes from outside as text for people: what is no UTF-8 is replaced, terminal colours and control characters other
/// than line breaks and tabs are left out, a lone carriage return (a progress bar) begins a new line.
pub fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() != Some(&'\n') => out.push('\n'),
            '\u{1b}' if chars.next_if_eq(&'[').is_some() => {
                // A control sequence: parameters, then one byte from @ to ~ that ends it.
                while chars.next_if(|c| (' '..='?').contains(c)).is_some() {}
                chars.next_if(|c| ('@'..='~').contains(c));
            }
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// A line cut to what fits into a reason.
pub(super) fn short(line: &str) -> String {
    const SHOWN: usize = 200;
    let line = line.trim();
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or(line)),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_fit_for_a_log() {
        assert_eq!(printable(b"a\0b\x07\tc\r\nd\xff\n\n"), "ab\tc\nd\u{fffd}");
        assert_eq!(printable(b"\x1b[1;31mred\x1b[0m \x1bplain"), "red plain");
        assert_eq!(printable(b"10%\r20%\r"), "10%\n20%");
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        assert_eq!(short("  zoë "), "zoë");
        assert_eq!(short(&"ë".repeat(201)), format!("{}…", "ë".repeat(200)));
    }
}
