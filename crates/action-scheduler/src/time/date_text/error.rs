use std::fmt;

use super::lexer::Token;
use super::words;

/// A text that is not a date, or not a length of time.
///
/// Displays as one line: the text, the word at fault and its place, and examples of what is
/// understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {text:?} as {expected}: {problem}; write for example {}", expected.examples())]
pub struct DateTextError {
    text: String,
    expected: Expected,
    problem: String,
}

impl DateTextError {
    pub(super) fn new(text: &str, expected: Expected, problem: Problem) -> Self {
        const QUOTED: usize = 60;

        let problem = match problem.word {
            Some((word, at)) => {
                let place = text.get(..at).unwrap_or(text).chars().count() + 1;
                format!("{word:?} at character {place} {}", problem.what)
            }
            None => problem.what,
        };
        let text = match text.char_indices().nth(QUOTED) {
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
            None => text.to_owned(),
        };
        Self { text, expected, problem }
    }

    /// What is wrong with the text, without the text and the examples.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    Date,
    Length,
}

impl Expected {
    fn examples(self) -> &'static str {
        match self {
            Expected::Date => "\"tomorrow 09:30\", \"+2 hours\" or \"2026-12-24 18:00\"",
            Expected::Length => "\"90s\", \"2 hours 30 minutes\" or \"PT5M\"",
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Expected::Date => "a date",
            Expected::Length => "a length of time",
        })
    }
}

/// What is wrong, before the whole text is known: the word at fault with its byte offset, and a
/// predicate that follows it.
#[derive(Debug)]
pub(super) struct Problem {
    word: Option<(String, usize)>,
    what: String,
}

impl Problem {
    pub fn new(what: impl Into<String>) -> Self {
        Self { word: None, what: what.into() }
    }

    pub fn at(token: &Token<'_>, what: impl Into<String>) -> Self {
        Self::word(token.text, token.at, what)
    }

    pub fn word(word: &str, at: usize, what: impl Into<String>) -> Self {
        Self { word: Some((word.to_owned(), at)), what: what.into() }
    }

    /// As [`Problem::at`], with the word that was perhaps meant.
    pub fn unknown(token: &Token<'_>, what: &str) -> Self {
        match token.word().and_then(words::nearest) {
            Some(nearest) => Self::at(token, format!("{what} (did you mean \"{nearest}\"?)")),
            None => Self::at(token, what),
        }
    }

    pub fn out_of_range(_: impl std::error::Error) -> Self {
        Self::too_far()
    }

    pub fn too_far() -> Self {
        Self::new("it lies outside the years -9999 to 9999")
    }
}
