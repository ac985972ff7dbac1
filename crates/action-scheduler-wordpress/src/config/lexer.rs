//! PHP source as tokens: as much of PHP as a `wp-config.php` is written in.

/// A token. What PHP skips (spaces, comments) is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, as written, without a leading backslash: `define`, `ABSPATH`, `true`.
    Name(String),
    /// A variable, without its dollar sign.
    Variable(String),
    /// A string of which every byte is known.
    Text(Vec<u8>),
    /// A string with a variable in it.
    Template,
    /// A number, as written.
    Number(String),
    /// Any other character that stands for itself.
    Mark(u8),
}

/// Why a source cannot be read without PHP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Beyond {
    /// Where, from 1.
    pub line: usize,
    /// What stands there.
    pub what: &'static str,
}

/// A token, and the line it begins on.
pub(super) type Placed = (Token, usize);

/// Reads a whole file.
pub(super) fn tokens(source: &[u8]) -> Result<Vec<Placed>, Beyond> {
    let mut lexer = Lexer { source, at: 0, line: 1 };
    lexer.skip_prologue()?;
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next()? {
        tokens.push(token);
    }
    Ok(tokens)
}

struct Lexer<'a> {
    source: &'a [u8],
    at: usize,
    line: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &[u8] {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.source.get(self.at + ahead).copied()
    }

    fn starts_with(&self, text: &str) -> bool {
        self.rest().starts_with(text.as_bytes())
    }

    fn advance(&mut self, bytes: usize) {
        let end = (self.at + bytes).min(self.source.len());
        let passed = self.source.get(self.at..end).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.at = end;
    }

    fn beyond(&self, what: &'static str) -> Beyond {
        Beyond { line: self.line, what }
    }

    /// A byte order mark, and the tag that opens PHP; anything else before it would be printed.
    fn skip_prologue(&mut self) -> Result<(), Beyond> {
        if self.starts_with("\u{feff}") {
            self.advance(3);
        }
        let opens = self.rest().get(..5).is_some_and(|tag| tag.eq_ignore_ascii_case(b"<?php"))
            && self.peek(5).is_none_or(|byte| byte.is_ascii_whitespace());
        if !opens {
            return Err(self.beyond("text before <?php"));
        }
        self.advance(5);
        Ok(())
    }

    fn skip_blanks(&mut self) -> Result<(), Beyond> {
        loop {
            let rest = self.rest();
            let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            if blanks > 0 {
                self.advance(blanks);
            } else if rest.starts_with(b"//")
                || (rest.starts_with(b"#") && !rest.starts_with(b"#["))
            {
                // `?>` ends PHP even in a comment.
                let mut length = 0;
                while let Some(byte) = self.peek(length) {
                    if byte == b'\n' || byte == b'\r' || self.is_close(length) {
                        break;
                    }
                    length += 1;
                }
                self.advance(length);
            } else if rest.starts_with(b"/*") {
                let end = rest.windows(2).skip(2).position(|pair| pair == b"*/");
                match end {
                    Some(end) => self.advance(end + 4),
                    None => return Err(self.beyond("a comment that does not end")),
                }
            } else {
                return Ok(());
            }
        }
    }

    fn is_close(&self, ahead: usize) -> bool {
        self.peek(ahead) == Some(b'?') && self.peek(ahead + 1) == Some(b'>')
    }

    fn next(&mut self) -> Result<Option<Placed>, Beyond> {
        self.skip_blanks()?;
        let line = self.line;
        let Some(byte) = self.peek(0) else { return Ok(None) };
        if self.is_close(0) {
            self.advance(2);
            // A line break after the tag belongs to it; what follows would be printed, or be PHP again.
            return match self.rest().iter().all(u8::is_ascii_whitespace) {
                true => Ok(None),
                false => Err(self.beyond("text after ?>")),
            };
        }
        let token = match byte {
            b'\'' => self.single_quoted()?,
            b'"' => self.double_quoted()?,
            b'`' => return Err(self.beyond("a shell command")),
            b'<' if self.starts_with("<<<") => return Err(self.beyond("a heredoc")),
            b'#' => return Err(self.beyond("an attribute")),
            b'$' if self.peek(1).is_some_and(begins_name) => {
                self.advance(1);
                Token::Variable(self.word())
            }
            b'$' => return Err(self.beyond("a variable variable")),
            b'\\' if self.peek(1).is_some_and(begins_name) => {
                self.advance(1);
                Token::Name(self.word())
            }
            byte if begins_name(byte) => Token::Name(self.word()),
            byte if byte.is_ascii_digit() => self.number(),
            byte => {
                self.advance(1);
                Token::Mark(byte)
            }
        };
        Ok(Some((token, line)))
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let taken = self.rest().get(..length).unwrap_or_default().to_vec();
        self.advance(length);
        taken
    }

    fn word(&mut self) -> String {
        let in_word = |byte: &&u8| begins_name(**byte) || byte.is_ascii_digit() || **byte == b'\\';
        let length = self.rest().iter().take_while(in_word).count();
        String::from_utf8_lossy(&self.take(length)).into_owned()
    }

    fn number(&mut self) -> Token {
        let in_number =
            |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'.' || **byte == b'_';
        let length = self.rest().iter().take_while(in_number).count();
        Token::Number(String::from_utf8_lossy(&self.take(length)).into_owned())
    }

    fn single_quoted(&mut self) -> Result<Token, Beyond> {
        let begun = self.beyond("a string that does not end");
        self.advance(1);
        let mut text = Vec::new();
        loop {
            match (self.peek(0), self.peek(1)) {
                (None, _) => return Err(begun),
                (Some(b'\''), _) => {
                    self.advance(1);
                    return Ok(Token::Text(text));
                }
                (Some(b'\\'), Some(next @ (b'\'' | b'\\'))) => {
                    text.push(next);
                    self.advance(2);
                }
                (Some(byte), _) => {
                    text.push(byte);
                    self.advance(1);
                }
            }
        }
    }

    fn double_quoted(&mut self) -> Result<Token, Beyond> {
        let begun = self.beyond("a string that does not end");
        self.advance(1);
        let mut text = Vec::new();
        let mut is_template = false;
        loop {
            match (self.peek(0), self.peek(1)) {
                (None, _) => return Err(begun),
                (Some(b'"'), _) => {
                    self.advance(1);
                    return Ok(if is_template { Token::Template } else { Token::Text(text) });
                }
                (Some(b'\\'), Some(next)) => {
                    self.advance(2);
                    match next {
                        b'n' => text.push(b'\n'),
                        b't' => text.push(b'\t'),
                        b'r' => text.push(b'\r'),
                        b'v' => text.push(0x0b),
                        b'e' => text.push(0x1b),
                        b'f' => text.push(0x0c),
                        b'\\' | b'$' | b'"' => text.push(next),
                        b'0'..=b'7' | b'x' | b'u' => {
                            return Err(self.beyond("a string with a character by its number"));
                        }
                        other => text.extend([b'\\', other]),
                    }
                }
                (Some(b'$'), Some(next)) if begins_name(next) || next == b'{' => {
                    is_template = true;
                    self.advance(1);
                }
                (Some(b'{'), Some(b'$')) => {
                    is_template = true;
                    self.advance(1);
                }
                (Some(byte), _) => {
                    text.push(byte);
                    self.advance(1);
                }
            }
        }
    }
}

fn begins_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}
