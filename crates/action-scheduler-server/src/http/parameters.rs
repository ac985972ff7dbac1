//! The parameters of a request: those after the `?`, and the one in its path.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;

use super::Problem;
use crate::site::Site;

/// The parameters after the `?`, read; one that nobody asks for is refused.
pub(crate) struct Parameters<T>(pub(crate) T);

/// What is read from the parameters after the `?`.
pub(crate) trait FromParameters: Sized {
    /// Takes what it knows.
    fn read(given: &mut Given) -> Result<Self, Problem>;
}

/// Parameters that are still to be read.
pub(crate) struct Given {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
    most: u32,
}

impl Given {
    /// The parameters of a query string.
    fn new(query: &str, most: u32) -> Result<Self, Problem> {
        let mut pairs = Vec::new();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let name = decoded(name).ok_or_else(|| not_text(name))?;
            let value = decoded(value).ok_or_else(|| not_text(&name))?;
            pairs.push((name, value));
        }
        Ok(Self { pairs, known: Vec::new(), most })
    }

    /// The most things that may be on a page.
    pub(crate) fn most(&self) -> u32 {
        self.most
    }

    /// All values of a parameter, as text.
    pub(crate) fn texts(&mut self, name: &'static str) -> Vec<String> {
        self.known.push(name);
        self.pairs.extract_if(.., |(given, _)| given == name).map(|(_, value)| value).collect()
    }

    /// The value of a parameter, as text.
    pub(crate) fn text(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        let mut values = self.texts(name).into_iter();
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            _ => Err(Problem::invalid(name, format!("{name} is given more than once"))),
        }
    }

    /// The value of a parameter.
    pub(crate) fn one<T: FromStr<Err: Display>>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, Problem> {
        self.text(name)?.map(|text| parsed(name, &text)).transpose()
    }

    /// The values of a parameter that may be given more than once, and may hold several with commas between them.
    pub(crate) fn listed<T: FromStr<Err: Display>>(
        &mut self,
        name: &'static str,
    ) -> Result<Vec<T>, Problem> {
        let texts = self.texts(name);
        texts.iter().flat_map(|text| text.split(',')).map(|text| parsed(name, text)).collect()
    }

    /// `true` or `false`; false unless given.
    pub(crate) fn flag(&mut self, name: &'static str) -> Result<bool, Problem> {
        match self.text(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => {
                Err(Problem::invalid(name, format!("{name} {other:?}: expected true or false")))
            }
        }
    }

    /// A whole number within limits.
    pub(crate) fn number(
        &mut self,
        name: &'static str,
        limits: std::ops::RangeInclusive<u32>,
    ) -> Result<Option<u32>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let number = text.parse().ok().filter(|number| limits.contains(number));
        number.map(Some).ok_or_else(|| {
            let (first, last) = limits.into_inner();
            let expected = format!("expected a whole number from {first} to {last}");
            Problem::invalid(name, format!("{name} {text:?}: {expected}"))
        })
    }

    fn finish(self) -> Result<(), Problem> {
        let Some((name, _)) = self.pairs.into_iter().next() else { return Ok(()) };
        let known = match self.known.as_slice() {
            [] => "there are none here".to_owned(),
            known => format!("there are: {}", known.join(", ")),
        };
        let shown: String = name.chars().take(100).collect();
        Err(Problem::invalid(shown.clone(), format!("there is no parameter {shown:?}; {known}")))
    }
}

fn parsed<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: T::Err| Problem::invalid(name, error.to_string()))
}

fn decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(|text| text.into_owned())
}

fn not_text(name: &str) -> Problem {
    Problem::malformed("a parameter is not UTF-8 text").at(name)
}

impl<T: FromParameters> FromRequestParts<Site> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Problem> {
        let most = site.config().limits.page;
        let mut given = Given::new(parts.uri.query().unwrap_or_default(), most)?;
        let read = T::read(&mut given)?;
        given.finish()?;
        Ok(Self(read))
    }
}

impl<A: FromParameters, B: FromParameters> FromParameters for (A, B) {
    fn read(given: &mut Given) -> Result<Self, Problem> {
        Ok((A::read(given)?, B::read(given)?))
    }
}

impl FromParameters for () {
    fn read(_: &mut Given) -> Result<Self, Problem> {
        Ok(())
    }
}

/// The part of the path that names one thing.
pub(crate) struct Named<T>(pub(crate) T);

impl<T: FromStr<Err: Display>> FromRequestParts<Site> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Problem> {
        let values = RawPathParams::from_request_parts(parts, site)
            .await
            .map_err(|_| Problem::malformed("the path is not UTF-8 text"))?;
        let Some((name, text)) = values.iter().next() else {
            return Err(Problem::not_found("there is nothing at this path"));
        };
        parsed(name, text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_each_is_taken_once() {
        let mut given = Given::new("a=1%202+3&b=x,y&b=z&flag=true&empty=", 10).unwrap();
        assert_eq!(given.text("a").unwrap().as_deref(), Some("1 2 3"));
        assert_eq!(given.listed::<String>("b").unwrap(), ["x", "y", "z"]);
        assert!(given.flag("flag").unwrap() && !given.flag("other").unwrap());
        assert_eq!(given.text("empty").unwrap().as_deref(), Some(""));
        given.finish().unwrap();
    }

    #[test]
    fn what_is_wrong_is_told_with_the_name_of_the_parameter() {
        let refusal = |query: &str, read: fn(&mut Given) -> Result<(), Problem>| {
            let problem = Given::new(query, 10).and_then(|mut given| {
                read(&mut given)?;
                given.finish()
            });
            serde_json::to_value(problem.unwrap_err()).unwrap()
        };
        let twice = refusal("a=1&a=2", |given| given.text("a").map(drop));
        assert_eq!(twice["field"], "a");
        let unknown = refusal("hok=x", |given| given.text("hook").map(drop));
        assert_eq!(unknown["field"], "hok");
        assert_eq!(unknown["detail"], r#"there is no parameter "hok"; there are: hook"#);
        let number = refusal("limit=0", |given| given.number("limit", 1..=10).map(drop));
        assert_eq!(number["detail"], r#"limit "0": expected a whole number from 1 to 10"#);
        assert_eq!(refusal("flag=maybe", |given| given.flag("flag").map(drop))["field"], "flag");
        assert_eq!(refusal("a=%FF", |_| Ok(()))["status"], 400);
    }
}
