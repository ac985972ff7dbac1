//! The statements of a `wp-config.php`, read without running them.
//!
//! Understood are `define()` and `$table_prefix = …` with literal values, and around them what can change neither: other
//! constants and variables, settings of PHP, `if` around things that do not matter here. At anything else the answer is
//! that PHP has to be asked, never a guess.

use std::collections::BTreeMap;

use super::lexer::{Beyond, Placed, Token, tokens};
use super::{Constant, RELEVANT, WpConfig};

/// Functions that neither define constants nor run code that we do not see.
const HARMLESS: &[&str] = &[
    "define",
    "defined",
    "dirname",
    "realpath",
    "isset",
    "empty",
    "array",
    "getenv",
    "ini_set",
    "ini_get",
    "set_time_limit",
    "error_reporting",
    "php_sapi_name",
    "strpos",
    "str_replace",
    "strtolower",
    "strtoupper",
    "substr",
    "trim",
    "rtrim",
    "in_array",
    "explode",
    "implode",
    "count",
    "intval",
    "date_default_timezone_set",
    "header",
    "filter_var",
    "version_compare",
    "file_exists",
    "if",
    "elseif",
    "and",
    "or",
];

/// Words after which other code runs, or control goes elsewhere.
const FAR_REACHING: &[&str] = &[
    "include",
    "include_once",
    "require",
    "require_once",
    "eval",
    "exit",
    "die",
    "return",
    "goto",
    "function",
    "fn",
    "class",
    "trait",
    "interface",
    "enum",
    "new",
    "namespace",
    "use",
    "global",
    "static",
    "const",
    "declare",
    "foreach",
    "for",
    "while",
    "do",
    "switch",
    "match",
    "try",
    "throw",
    "list",
    "unset",
    "extract",
    "__halt_compiler",
];

/// Reads a config; the error says where PHP has to be asked.
pub(super) fn read(source: &[u8]) -> Result<WpConfig, Beyond> {
    let tokens = tokens(source)?;
    let mut reader = Reader { tokens: &tokens, at: 0, config: WpConfig::default() };
    while !reader.is_over() {
        if reader.statement()? {
            break;
        }
    }
    Ok(reader.config)
}

struct Reader<'a> {
    tokens: &'a [Placed],
    at: usize,
    config: WpConfig,
}

impl<'a> Reader<'a> {
    fn is_over(&self) -> bool {
        self.at >= self.tokens.len()
    }

    fn peek(&self, ahead: usize) -> Option<&'a Token> {
        self.tokens.get(self.at + ahead).map(|(token, _)| token)
    }

    fn is_mark(&self, ahead: usize, mark: u8) -> bool {
        self.peek(ahead) == Some(&Token::Mark(mark))
    }

    fn name(&self) -> Option<String> {
        match self.peek(0) {
            Some(Token::Name(name)) => Some(name.to_ascii_lowercase()),
            _ => None,
        }
    }

    fn beyond(&self, what: &'static str) -> Beyond {
        let last = self.tokens.last();
        let line = self.tokens.get(self.at).or(last).map_or(1, |(_, line)| *line);
        Beyond { line, what }
    }

    /// Reads a statement; true when it is the one after which WordPress takes over.
    fn statement(&mut self) -> Result<bool, Beyond> {
        match self.name().as_deref() {
            Some("define") => self.define(),
            Some("if") => self.conditional(),
            Some("require_once" | "require" | "include" | "include_once") => {
                let statement = self.up_to_semicolon()?;
                let is_settings = statement.iter().any(|(token, _)| {
                    matches!(token, Token::Text(text) if text.ends_with(b"wp-settings.php"))
                });
                match is_settings {
                    true => Ok(true),
                    false => Err(self.beyond("another file is included")),
                }
            }
            _ if self.is_mark(0, b';') => {
                self.at += 1;
                Ok(false)
            }
            _ => match self.peek(0) {
                Some(Token::Variable(name)) if name == "table_prefix" => self.prefix(),
                _ => {
                    let statement = self.up_to_semicolon()?;
                    check_harmless(statement)?;
                    Ok(false)
                }
            },
        }
    }

    /// The tokens of a statement; the reader stands after its semicolon.
    fn up_to_semicolon(&mut self) -> Result<&'a [Placed], Beyond> {
        let rest = self.tokens.get(self.at..).unwrap_or_default();
        let Some(end) = rest.iter().position(|(token, _)| *token == Token::Mark(b';')) else {
            return Err(self.beyond("a statement that does not end"));
        };
        let statement = rest.get(..end).unwrap_or_default();
        self.at += end + 1;
        Ok(statement)
    }

    fn define(&mut self) -> Result<bool, Beyond> {
        let here = self.beyond("a constant that matters is not given as a plain value");
        let statement = self.up_to_semicolon()?;
        check_harmless(statement.get(1..).unwrap_or_default())?;
        let tokens: Vec<&Token> = statement.iter().map(|(token, _)| token).collect();
        let [_, Token::Mark(b'('), Token::Text(name), Token::Mark(b','), value @ ..] =
            tokens.as_slice()
        else {
            return Err(Beyond { what: "a constant whose name is not a plain text", ..here });
        };
        let Some(name) = RELEVANT.iter().find(|relevant| relevant.as_bytes() == name.as_slice())
        else {
            return Ok(false);
        };
        let constant = match value {
            [Token::Text(text), Token::Mark(b')')] => String::from_utf8(text.clone())
                .map(Constant::Text)
                .map_err(|_| Beyond { what: "a constant that is not UTF-8", ..here })?,
            [Token::Number(number), Token::Mark(b')')] => {
                number.parse().map(Constant::Number).map_err(|_| here)?
            }
            [Token::Name(word), Token::Mark(b')')] => match word.to_ascii_lowercase().as_str() {
                "true" => Constant::Flag(true),
                "false" => Constant::Flag(false),
                "null" => Constant::Null,
                _ => return Err(here),
            },
            _ => return Err(here),
        };
        // The first definition counts: PHP refuses a second one with a warning.
        self.config.constants.entry(name).or_insert(constant);
        Ok(false)
    }

    fn prefix(&mut self) -> Result<bool, Beyond> {
        let here = self.beyond("the prefix of the tables is not given as a plain text");
        let statement = self.up_to_semicolon()?;
        match statement {
            [_, (Token::Mark(b'='), _), (Token::Text(prefix), _)] => {
                self.config.table_prefix =
                    Some(String::from_utf8(prefix.clone()).map_err(|_| here)?);
                Ok(false)
            }
            _ => Err(here),
        }
    }

    /// An `if`, and what hangs on it: fine as long as nothing in it matters here.
    fn conditional(&mut self) -> Result<bool, Beyond> {
        loop {
            self.at += 1;
            if self.is_mark(0, b'(') {
                let condition = self.balanced(b'(', b')')?;
                check_harmless(condition)?;
            }
            if self.is_mark(0, b':') {
                return Err(self.beyond("an if with a colon"));
            }
            let body = match self.is_mark(0, b'{') {
                true => self.balanced(b'{', b'}')?,
                false if self.name().as_deref() == Some("if") => {
                    return Err(self.beyond("an if within an if"));
                }
                false => self.up_to_semicolon()?,
            };
            check_harmless(body)?;
            match self.name().as_deref() {
                Some("else") if matches!(self.peek(1), Some(Token::Name(name)) if name.eq_ignore_ascii_case("if")) =>
                {
                    self.at += 1;
                }
                Some("else" | "elseif") => {}
                _ => return Ok(false),
            }
        }
    }

    /// What stands between a mark and the one that closes it; the reader stands after that.
    fn balanced(&mut self, open: u8, close: u8) -> Result<&'a [Placed], Beyond> {
        let rest = self.tokens.get(self.at..).unwrap_or_default();
        let mut depth = 0_usize;
        for (place, (token, _)) in rest.iter().enumerate() {
            match token {
                Token::Mark(mark) if *mark == open => depth += 1,
                Token::Mark(mark) if *mark == close => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                self.at += place + 1;
                return Ok(rest.get(1..place).unwrap_or_default());
            }
        }
        Err(self.beyond("a bracket that is not closed"))
    }
}

/// Refuses what could change a constant, or the prefix, in ways that are not seen here.
fn check_harmless(tokens: &[Placed]) -> Result<(), Beyond> {
    for (place, (token, line)) in tokens.iter().enumerate() {
        let refuse = |what| Err(Beyond { line: *line, what });
        let before =
            place.checked_sub(1).and_then(|place| tokens.get(place)).map(|(token, _)| token);
        let after = tokens.get(place + 1).map(|(token, _)| token);
        match token {
            Token::Variable(name) if name == "table_prefix" || name == "GLOBALS" => {
                return refuse("the prefix of the tables is not given as a plain text");
            }
            Token::Mark(b'&')
                if !matches!(before, Some(Token::Mark(b'&')))
                    && after != Some(&Token::Mark(b'&')) =>
            {
                return refuse("a reference");
            }
            Token::Name(name) => {
                let name = name.to_ascii_lowercase();
                if FAR_REACHING.contains(&name.as_str()) {
                    return refuse("code that only PHP can run");
                }
                let is_called = after == Some(&Token::Mark(b'('));
                if is_called && name == "define" && !defines_what_does_not_matter(tokens, place) {
                    return refuse("a constant that matters is not given as a plain value");
                }
                if is_called && !HARMLESS.contains(&name.as_str()) {
                    return refuse("a function is called");
                }
            }
            // A value that is called: "$f()", "'f'()", "(…)()".
            Token::Variable(_) | Token::Text(_) | Token::Template
                if after == Some(&Token::Mark(b'(')) =>
            {
                return refuse("a function is called");
            }
            Token::Mark(b'(') if matches!(before, Some(Token::Mark(b')' | b']'))) => {
                return refuse("a function is called");
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether the call at this place defines a constant that is known by name, and matters nothing here.
fn defines_what_does_not_matter(tokens: &[Placed], place: usize) -> bool {
    let at = |ahead: usize| tokens.get(place + ahead).map(|(token, _)| token);
    let (Some(Token::Text(name)), Some(Token::Mark(b','))) = (at(2), at(3)) else { return false };
    !RELEVANT.iter().any(|relevant| relevant.as_bytes() == name.as_slice())
}

/// What is known of a config.
pub(super) type Constants = BTreeMap<&'static str, Constant>;
