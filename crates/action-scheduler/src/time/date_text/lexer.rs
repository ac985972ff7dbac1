//! From text to tokens: dates, clocks and zones written in digits are recognised here, words are
//! left to the phrase.

use jiff::civil::{Date, Time};
use jiff::tz::{Offset, TimeZone};

use super::error::Problem;
use super::words;

#[derive(Debug, Clone)]
pub(super) struct Token<'t> {
    pub shape: Shape,
    /// As written.
    pub text: &'t str,
    /// The byte it begins at.
    pub at: usize,
}

impl Token<'_> {
    pub fn word(&self) -> Option<&str> {
        match &self.shape {
            Shape::Word(word) => Some(word),
            _ => None,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) enum Shape {
    Date(Date),
    Clock(Time),
    Zone(TimeZone),
    Number(Number),
    /// Letters, in lower case.
    Word(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number {
    pub sign: Option<Sign>,
    pub whole: i64,
    /// In billionths.
    pub fraction: i32,
    /// How many digits were written before the point.
    pub digits: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Plus,
    Minus,
}

pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, Problem> {
    let mut scanner = Scanner::new(text);
    let mut tokens = Vec::new();
    loop {
        scanner.take_while(|c| c.is_whitespace() || c == ',');
        let at = scanner.at;
        let shape = match scanner.peek() {
            None => return Ok(tokens),
            Some('0'..='9') => scanner.digit_shape()?,
            Some('+' | '-') => scanner.signed_shape()?,
            Some(c) if c.is_alphabetic() => scanner.word_shape()?,
            Some(c) => {
                return Err(Problem::word(c.encode_utf8(&mut [0; 4]), at, "is out of place"));
            }
        };
        tokens.push(Token { shape, text: scanner.since(at), at });
    }
}

/// A place in a text.
#[derive(Clone)]
pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scanner<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    pub fn is_done(&self) -> bool {
        self.rest().is_empty()
    }

    /// Digits with an optional fraction: the whole and the billionths.
    pub fn number(&mut self) -> Result<Option<(i64, i32)>, Problem> {
        let at = self.at;
        let digits = self.digits();
        if digits.is_empty() {
            return Ok(None);
        }
        let whole = digits.parse().map_err(|_| Problem::word(digits, at, "is too large"))?;
        Ok(Some((whole, self.fraction())))
    }

    fn digit_shape(&mut self) -> Result<Shape, Problem> {
        if let Some(date) = self.date()? {
            return Ok(Shape::Date(date));
        }
        if let Some(clock) = self.clock()? {
            return Ok(Shape::Clock(clock));
        }
        self.signed_number(None)
    }

    fn signed_shape(&mut self) -> Result<Shape, Problem> {
        if let Some(offset) = self.offset()? {
            return Ok(Shape::Zone(TimeZone::fixed(offset)));
        }
        let sign = if self.eat('-') { Sign::Minus } else { Sign::Plus };
        if sign == Sign::Plus {
            self.eat('+');
        }
        self.take_while(char::is_whitespace);
        self.signed_number(Some(sign))
    }

    fn signed_number(&mut self, sign: Option<Sign>) -> Result<Shape, Problem> {
        let start = self.at;
        let digits = self.clone().digits().len();
        match self.number()? {
            Some((whole, fraction)) => Ok(Shape::Number(Number { sign, whole, fraction, digits })),
            None => Err(Problem::word(self.next_word(), start, "should be a number")),
        }
    }

    fn word_shape(&mut self) -> Result<Shape, Problem> {
        let start = self.at;
        let word = self.take_while(char::is_alphabetic).to_lowercase();
        if self.peek() == Some('/') || self.peek() == Some('_') {
            self.take_while(|c| c.is_ascii_alphanumeric() || "/_+-".contains(c));
            let name = self.since(start);
            let zone = TimeZone::get(name);
            let unknown = |_| Problem::word(name, start, "is not a known time zone");
            return zone.map(Shape::Zone).map_err(unknown);
        }
        self.eat('.');
        Ok(match word.as_str() {
            "z" | "utc" | "gmt" => Shape::Zone(TimeZone::UTC),
            _ => Shape::Word(word),
        })
    }

    /// Three groups with the same separator twice, up to the `T` before a clock.
    fn date(&mut self) -> Result<Option<Date>, Problem> {
        let mut ahead = self.clone();
        let first = ahead.digits();
        let Some(separator @ ('-' | '/' | '.')) = ahead.peek() else { return Ok(None) };
        ahead.eat(separator);
        let second = ahead.take_while(|c| c.is_ascii_alphanumeric());
        if !ahead.eat(separator) {
            return Ok(None);
        }
        let third = ahead.digits();
        let written = ahead.since(self.at);
        let wrong = |what: &str| Err(Problem::word(written, self.at, what));

        let named = words::month(&second.to_lowercase());
        let (year, month, day) = match (separator, first.len(), second.len(), third.len()) {
            ('-' | '.', 1..=2, _, 4) if named.is_some() => (third, named, first),
            ('-' | '/', 4, 1..=2, 1..=2) => (first, small(second), third),
            ('-' | '.', 1..=2, 1..=2, 4) => (third, small(second), first),
            ('/', 1..=2, 1..=2, 4) => (third, small(first), second),
            _ => return wrong("is not a date, write year-month-day"),
        };
        let (Ok(year), Some(month), Some(day)) = (year.parse(), month, small(day)) else {
            return wrong("is not a date, write year-month-day");
        };
        let Ok(date) = Date::new(year, month, day) else {
            return wrong(match separator {
                '/' if third.len() == 4 => "is not in the calendar, the order is month/day/year",
                _ => "is not in the calendar",
            });
        };
        let mut clock = ahead.clone();
        if (clock.eat('T') || clock.eat('t')) && clock.peek().is_some_and(|c| c.is_ascii_digit()) {
            ahead = clock;
        }
        self.at = ahead.at;
        Ok(Some(date))
    }

    fn clock(&mut self) -> Result<Option<Time>, Problem> {
        let mut ahead = self.clone();
        let hour = ahead.digits();
        let (mut minute, mut second, mut fraction) = ("00", "00", 0);
        let digital = ahead.eat(':');
        if digital {
            minute = ahead.digits();
            if ahead.eat(':') {
                second = ahead.digits();
                fraction = ahead.fraction();
            }
        }
        let half = ahead.half_of_day();
        if !digital && half.is_none() {
            return Ok(None);
        }

        let hour = match (small(hour), half) {
            (Some(hour), None) => Some(hour),
            (Some(hour @ 1..=12), Some(half)) => Some(hour % 12 + half.first_hour()),
            _ => None,
        };
        let time = match (hour, pair(minute), pair(second)) {
            (Some(hour), Some(minute), Some(second)) => {
                Time::new(hour, minute, second, fraction).ok()
            }
            _ => None,
        };
        let written = ahead.since(self.at);
        let time = time.ok_or_else(|| Problem::word(written, self.at, "is not a time of day"))?;
        self.at = ahead.at;
        Ok(Some(time))
    }

    /// `+02:00`, an offset from UTC that cannot be an amount.
    fn offset(&mut self) -> Result<Option<Offset>, Problem> {
        let mut ahead = self.clone();
        let sign = if ahead.eat('-') || !ahead.eat('+') { -1 } else { 1 };
        let hours = ahead.digits();
        if !ahead.eat(':') {
            return Ok(None);
        }
        let minutes = ahead.digits();
        let written = ahead.since(self.at);
        let offset = pair(hours).zip(pair(minutes)).and_then(|(h, m)| utc_offset(sign, h, m));
        let offset = offset.ok_or_else(|| Problem::word(written, self.at, NOT_AN_OFFSET))?;
        self.at = ahead.at;
        Ok(Some(offset))
    }

    fn half_of_day(&mut self) -> Option<HalfOfDay> {
        let mut ahead = self.clone();
        ahead.take_while(char::is_whitespace);
        let word = ahead.take_while(|c| c.is_alphanumeric() || c == '.').to_lowercase();
        let half = match word.as_str() {
            "am" | "a.m" | "a.m." => HalfOfDay::Morning,
            "pm" | "p.m" | "p.m." => HalfOfDay::Afternoon,
            _ => return None,
        };
        self.at = ahead.at;
        Some(half)
    }

    /// A point and digits, in billionths; what is finer is dropped.
    fn fraction(&mut self) -> i32 {
        let mut ahead = self.clone();
        if !ahead.eat('.') {
            return 0;
        }
        let digits = ahead.digits();
        if digits.is_empty() {
            return 0;
        }
        self.at = ahead.at;
        let digits = digits.bytes().chain(std::iter::repeat(b'0')).take(9);
        digits.fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'))
    }

    fn digits(&mut self) -> &'t str {
        self.take_while(|c| c.is_ascii_digit())
    }

    fn next_word(&self) -> &'t str {
        self.clone().take_while(|c| !c.is_whitespace())
    }

    fn take_while(&mut self, accepts: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !accepts(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    pub fn eat(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        if found {
            self.at += expected.len_utf8();
        }
        found
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn since(&self, start: usize) -> &'t str {
        self.text.get(start..self.at).unwrap_or_default()
    }
}

enum HalfOfDay {
    Morning,
    Afternoon,
}

impl HalfOfDay {
    fn first_hour(self) -> i8 {
        match self {
            HalfOfDay::Morning => 0,
            HalfOfDay::Afternoon => 12,
        }
    }
}

pub(super) const NOT_AN_OFFSET: &str = "is not an offset from UTC, write one like +02:00";

pub(super) fn utc_offset(sign: i32, hours: i8, minutes: i8) -> Option<Offset> {
    let in_range = (0..24).contains(&hours) && (0..60).contains(&minutes);
    let seconds = sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60);
    Offset::from_seconds(seconds).ok().filter(|_| in_range)
}

/// A number of one or two digits.
fn small(digits: &str) -> Option<i8> {
    digits.parse().ok().filter(|_| digits.len() <= 2)
}

/// A number of exactly two digits.
fn pair(digits: &str) -> Option<i8> {
    small(digits).filter(|_| digits.len() == 2)
}
