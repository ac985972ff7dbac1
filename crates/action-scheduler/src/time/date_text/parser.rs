//! From tokens to a phrase.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use super::error::Problem;
use super::lexer::{self, NOT_AN_OFFSET, Number, Shape, Sign, Token};
use super::phrase::{Day, Phrase, Place, Which};
use super::words::{self, Unit};

pub(super) fn parse(text: &str) -> Result<Phrase, Problem> {
    let tokens = lexer::tokens(text)?;
    let mut parser = Parser { text, tokens: &tokens, next: 0, phrase: Phrase::default() };
    while let Some(token) = parser.take() {
        parser.part(token)?;
    }
    match tokens.is_empty() {
        true => Err(Problem::new("it says nothing")),
        false => parser.phrase.checked(),
    }
}

struct Parser<'t> {
    text: &'t str,
    tokens: &'t [Token<'t>],
    next: usize,
    phrase: Phrase,
}

impl<'t> Parser<'t> {
    fn part(&mut self, token: &'t Token<'t>) -> Result<(), Problem> {
        match &token.shape {
            Shape::Date(date) => self.day(token, Day::Date(*date)),
            Shape::Clock(time) => self.clock(token, *time),
            Shape::Zone(zone) => self.zone(token, zone.clone()),
            Shape::Number(number) => self.number(token, *number),
            Shape::Word(word) => self.word(token, word),
        }
    }

    fn word(&mut self, token: &'t Token<'t>, word: &str) -> Result<(), Problem> {
        match word {
            "now" => return self.day(token, Day::Now),
            "today" => return self.day(token, Day::Near(0)),
            "tomorrow" => return self.day(token, Day::Near(1)),
            "yesterday" => return self.day(token, Day::Near(-1)),
            "midnight" => return self.clock(token, Time::midnight()),
            "noon" => return self.clock(token, Time::constant(12, 0, 0, 0)),
            "at" => return self.clock_after_at(token),
            "in" => return Err(self.refuse_in(token)),
            "ago" => {
                return Err(Problem::at(token, "needs an amount before it, such as \"7 days\""));
            }
            _ => {}
        }
        if let Some(place) = self.place_within(word) {
            return self.within_month(token, place);
        }
        if let Some(step) = words::step(word) {
            return self.step(token, step);
        }
        if let Some(weekday) = words::weekday(word) {
            return self.weekday(token, weekday, Which::Coming);
        }
        if let Some(month) = words::month(word) {
            return self.month_first(token, month);
        }
        Err(match words::unit(word) {
            Some(_) => Problem::at(token, "needs a number before it, such as \"+1\""),
            None => Problem::unknown(token, "is not a word for dates"),
        })
    }

    fn number(&mut self, token: &'t Token<'t>, number: Number) -> Result<(), Problem> {
        if number.sign.is_none() && number.fraction == 0 {
            let start = self.next;
            self.take_word(is_ordinal_suffix);
            self.take_word(|word| word == "of");
            if let Some(month) = self.take_named(words::month) {
                let day = i8::try_from(number.whole).unwrap_or(i8::MAX);
                return self.month_day(token, month, day);
            }
            self.next = start;
        }
        if self.word_ahead(0).and_then(words::unit).is_some() {
            return self.amounts(token, number);
        }
        match number.sign {
            Some(sign) if self.phrase.clock.is_some() && matches!(number.digits, 2 | 4) => {
                self.short_offset(token, number, sign)
            }
            _ => Err(match self.peek() {
                Some(unit @ Token { shape: Shape::Word(_), .. }) => {
                    Problem::unknown(unit, "is not a unit of time")
                }
                _ => Problem::at(token, "needs a unit, such as \"minutes\""),
            }),
        }
    }

    /// `+0200` or `+02`.
    fn short_offset(
        &mut self,
        token: &Token<'_>,
        number: Number,
        sign: Sign,
    ) -> Result<(), Problem> {
        let (hours, minutes) = match number.digits {
            2 => (number.whole, 0),
            _ => (number.whole / 100, number.whole % 100),
        };
        let sign = if sign == Sign::Minus { -1 } else { 1 };
        let offset = match (i8::try_from(hours), i8::try_from(minutes)) {
            (Ok(hours), Ok(minutes)) => lexer::utc_offset(sign, hours, minutes),
            _ => None,
        };
        let offset = offset.ok_or_else(|| Problem::at(token, NOT_AN_OFFSET))?;
        self.zone(token, TimeZone::fixed(offset))
    }

    /// A run of amounts, which an `ago` at its end turns round.
    fn amounts(&mut self, token: &'t Token<'t>, number: Number) -> Result<(), Problem> {
        let mut run = Vec::new();
        let mut following = Some((token, number));
        while let Some((token, number)) = following {
            let Some(unit) = self.take_named(words::unit) else { break };
            run.push((token, number, unit));
            following = self.take_amount_number();
        }

        let ago = self.take_word(|word| word == "ago");
        let mut minus = false;
        for (token, number, unit) in run {
            if ago && number.sign.is_some() {
                return Err(Problem::at(token, "has a sign and \"ago\", write only one of them"));
            }
            if minus && number.sign.is_none() {
                return Err(Problem::at(token, "follows a minus, give it a sign too"));
            }
            minus = number.sign == Some(Sign::Minus);
            self.offset(token, number, unit, ago || minus)?;
        }
        Ok(())
    }

    fn offset(
        &mut self,
        token: &Token<'_>,
        Number { whole, fraction, .. }: Number,
        unit: Unit,
        back: bool,
    ) -> Result<(), Problem> {
        if fraction != 0 && !matches!(unit, Unit::Exact(_)) {
            return Err(Problem::at(token, "must be whole, only hours and less can be divided"));
        }
        let signed = if back { -whole } else { whole };
        let fraction = if back { -fraction } else { fraction };
        self.shift(signed, fraction, unit).ok_or_else(|| Problem::at(token, "is too large"))
    }

    fn shift(&mut self, amount: i64, fraction: i32, unit: Unit) -> Option<()> {
        let phrase = &mut self.phrase;
        match unit {
            Unit::Exact(_) => {
                let length = unit.nanoseconds(amount, fraction)?;
                phrase.nanoseconds = phrase.nanoseconds.checked_add(length)?;
            }
            Unit::Days(size) => phrase.days = phrase.days.checked_add(amount.checked_mul(size)?)?,
            Unit::Months(size) => {
                phrase.months = phrase.months.checked_add(amount.checked_mul(size)?)?;
            }
            Unit::Weekdays => phrase.weekdays = phrase.weekdays.checked_add(amount)?,
        }
        Some(())
    }

    /// What follows `next`, `last` or `this`: a weekday or a unit.
    fn step(&mut self, token: &'t Token<'t>, step: i64) -> Result<(), Problem> {
        let Some(following) = self.take() else {
            return Err(Problem::at(token, "needs a weekday or a unit after it"));
        };
        let word = following.word().unwrap_or_default();
        if let Some(weekday) = words::weekday(word) {
            let which = match step {
                0 => Which::Coming,
                1.. => Which::Next,
                _ => Which::Last,
            };
            return self.weekday(token, weekday, which);
        }
        let Some(unit) = words::unit(word) else {
            return Err(Problem::unknown(following, "is neither a weekday nor a unit of time"));
        };
        self.phrase.in_week |= word == "week";
        self.shift(step, 0, unit).ok_or_else(|| Problem::at(token, "is too large"))
    }

    /// `first`, `second`… or `last`, if `day of` or a weekday and `of` follow.
    fn place_within(&self, word: &str) -> Option<Place> {
        let place = match word {
            "last" => Place::Last,
            word => Place::Nth(words::ordinal(word)?),
        };
        let counted = self.word_ahead(0)?;
        let counts_days = counted == "day" || words::weekday(counted).is_some();
        (counts_days && self.word_ahead(1) == Some("of")).then_some(place)
    }

    fn within_month(&mut self, token: &Token<'_>, place: Place) -> Result<(), Problem> {
        let weekday = self.word_ahead(0).and_then(words::weekday);
        self.next += 2;
        let month_follows = self.word_ahead(0).is_some_and(|word| {
            let stepped = words::step(word).is_some() && self.word_ahead(1) == Some("month");
            stepped || words::month(word).is_some()
        });
        if !month_follows {
            return Err(Problem::at(
                token,
                "needs a month, such as \"of next month\" or \"of May\"",
            ));
        }
        if self.phrase.within_month.replace((place, weekday)).is_some() {
            return Err(Problem::at(token, "is a second day of a month"));
        }
        Ok(())
    }

    /// What follows the name of a month: a day and a year, or either.
    fn month_first(&mut self, token: &'t Token<'t>, month: i8) -> Result<(), Problem> {
        match self.take_plain(|digits| digits <= 2) {
            Some(day) => {
                self.take_word(is_ordinal_suffix);
                self.month_day(token, month, i8::try_from(day).unwrap_or(i8::MAX))
            }
            None => {
                let year = self.take_year();
                self.day(token, Day::Month { year, month })
            }
        }
    }

    fn month_day(&mut self, token: &Token<'_>, month: i8, day: i8) -> Result<(), Problem> {
        let year = self.take_year();
        if Date::new(year.unwrap_or(2000), month, day).is_err() {
            return Err(Problem::at(token, "begins a day that is not in the calendar"));
        }
        self.day(token, Day::Named { year, month, day })
    }

    fn day(&mut self, token: &Token<'_>, day: Day) -> Result<(), Problem> {
        match self.phrase.day.replace(day) {
            Some(_) => Err(Problem::at(token, "is a second day")),
            None => Ok(()),
        }
    }

    fn clock(&mut self, token: &Token<'_>, time: Time) -> Result<(), Problem> {
        match self.phrase.clock.replace(time) {
            Some(_) => Err(Problem::at(token, "is a second time of day")),
            None => Ok(()),
        }
    }

    fn zone(&mut self, token: &Token<'_>, zone: TimeZone) -> Result<(), Problem> {
        match self.phrase.zone.replace(zone) {
            Some(_) => Err(Problem::at(token, "is a second time zone")),
            None => Ok(()),
        }
    }

    fn weekday(&mut self, token: &Token<'_>, day: Weekday, which: Which) -> Result<(), Problem> {
        match self.phrase.weekday.replace((day, which)) {
            Some(_) => Err(Problem::at(token, "is a second weekday")),
            None => Ok(()),
        }
    }

    fn clock_after_at(&mut self, at: &Token<'_>) -> Result<(), Problem> {
        let clock_follows = match self.peek().map(|token| &token.shape) {
            Some(Shape::Clock(_)) => true,
            Some(Shape::Word(word)) => matches!(word.as_str(), "noon" | "midnight"),
            _ => false,
        };
        match clock_follows {
            true => Ok(()),
            false => Err(Problem::at(at, "needs a time of day after it, such as \"18:00\"")),
        }
    }

    fn refuse_in(&self, token: &Token<'_>) -> Problem {
        match self.peek() {
            Some(Token { shape: Shape::Number(Number { sign: None, .. }), at, .. }) => {
                let meant = format!("+{}", self.text.get(*at..).unwrap_or_default());
                Problem::at(token, format!("is not a word for dates, write {meant:?}"))
            }
            _ => Problem::unknown(token, "is not a word for dates"),
        }
    }

    fn peek(&self) -> Option<&'t Token<'t>> {
        self.tokens.get(self.next)
    }

    fn word_ahead(&self, count: usize) -> Option<&'t str> {
        self.tokens.get(self.next + count)?.word()
    }

    fn take(&mut self) -> Option<&'t Token<'t>> {
        let token = self.peek()?;
        self.next += 1;
        Some(token)
    }

    fn take_word(&mut self, accepts: impl Fn(&str) -> bool) -> bool {
        let found = self.word_ahead(0).is_some_and(accepts);
        self.next += usize::from(found);
        found
    }

    fn take_named<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> Option<T> {
        let found = find(self.word_ahead(0)?)?;
        self.next += 1;
        Some(found)
    }

    /// A plain number of so many digits.
    fn take_plain(&mut self, digits: impl Fn(usize) -> bool) -> Option<i16> {
        match self.peek()?.shape {
            Shape::Number(Number { sign: None, whole, fraction: 0, digits: count })
                if digits(count) =>
            {
                self.next += 1;
                i16::try_from(whole).ok()
            }
            _ => None,
        }
    }

    fn take_year(&mut self) -> Option<i16> {
        self.take_plain(|digits| digits == 4)
    }

    /// The number of a further amount, after an optional `and`.
    fn take_amount_number(&mut self) -> Option<(&'t Token<'t>, Number)> {
        let skipped = usize::from(self.word_ahead(0) == Some("and"));
        let token = self.tokens.get(self.next + skipped)?;
        let Shape::Number(number) = token.shape else { return None };
        words::unit(self.word_ahead(skipped + 1)?)?;
        self.next += skipped + 1;
        Some((token, number))
    }
}

fn is_ordinal_suffix(word: &str) -> bool {
    matches!(word, "st" | "nd" | "rd" | "th")
}
