//! What a program printed: the end of it, made fit for a log.

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::handler::text::printable;

/// The last bytes of a stream. Its memory is bounded, however much goes through.
#[derive(Debug)]
pub struct Tail {
    limit: usize,
    seen: u64,
    /// Grows to twice the limit before it is cut, so that each byte is moved about once.
    bytes: Vec<u8>,
}

impl Tail {
    /// An empty tail that keeps `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, seen: 0, bytes: Vec::new() }
    }

    /// Reads a stream to its end. An error ends it too: what came before is what there is.
    pub async fn read(&mut self, mut stream: impl AsyncRead + Unpin) {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(length) = stream.read(&mut buffer).await {
            if length == 0 {
                return;
            }
            self.push(buffer.get(..length).unwrap_or_default());
        }
    }

    /// Adds what was printed next.
    pub fn push(&mut self, chunk: &[u8]) {
        self.seen = self.seen.saturating_add(chunk.len() as u64);
        let needed = chunk.get(chunk.len().saturating_sub(self.limit)..).unwrap_or_default();
        self.bytes.extend_from_slice(needed);
        if self.bytes.len() > self.limit.saturating_mul(2) {
            self.bytes.drain(..self.bytes.len() - self.limit);
        }
    }

    /// The text, with a first line that says how much is missing. With a limit of 0 there is no text.
    pub fn text(&self) -> String {
        if self.limit == 0 {
            return String::new();
        }
        let kept =
            self.bytes.get(self.bytes.len().saturating_sub(self.limit)..).unwrap_or_default();
        let cut = self.seen.saturating_sub(kept.len() as u64);
        if cut == 0 {
            return printable(kept);
        }
        // A character that was cut in two is left out whole: at most three bytes continue one.
        let partial = kept.iter().take(3).take_while(|byte| (0x80..0xC0).contains(*byte)).count();
        let text = printable(kept.get(partial..).unwrap_or_default());
        format!("… {} bytes before this were cut\n{text}", cut + partial as u64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tail(limit: usize, chunks: &[&str]) -> String {
        let mut tail = Tail::new(limit);
        chunks.iter().for_each(|chunk| tail.push(chunk.as_bytes()));
        tail.text()
    }

    #[test]
    fn all_is_kept_up_to_the_limit() {
        assert_eq!(tail(6, &["abc", "def"]), "abcdef");
    }

    #[test]
    fn beyond_the_limit_the_end_is_kept_and_the_cut_is_marked() {
        assert_eq!(tail(4, &["abcdefg"]), "… 3 bytes before this were cut\ndefg");
        assert_eq!(tail(4, &["abc", "de", "fgh", "i"]), "… 5 bytes before this were cut\nfghi");
        assert_eq!(tail(0, &["abc"]), "");
    }

    #[test]
    fn a_character_cut_in_two_is_left_out() {
        assert_eq!(tail(4, &["aé€"]), "… 3 bytes before this were cut\n€");
    }

    proptest! {
        #[test]
        fn a_tail_is_the_end_of_what_was_printed(
            chunks in prop::collection::vec("[a-z]{0,30}", 0..20),
            limit in 1_usize..40,
        ) {
            let whole = chunks.concat();
            let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
            let text = tail(limit, &chunks);
            let kept = text.lines().last().unwrap_or_default();
            prop_assert!(whole.ends_with(kept));
            prop_assert_eq!(kept.len(), whole.len().min(limit));
        }

        #[test]
        fn memory_is_bounded(lengths in prop::collection::vec(0_usize..200, 0..50), limit in 0_usize..50) {
            let mut tail = Tail::new(limit);
            for length in lengths {
                tail.push(&vec![b'x'; length]);
                prop_assert!(tail.bytes.len() <= 2 * limit);
            }
        }
    }
}
