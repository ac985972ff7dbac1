//! What the forms of `/access` send, and what they show again when it cannot be taken.

use std::collections::HashMap;

use axum::extract::Form as UrlEncoded;
use axum::extract::rejection::FormRejection;
use axum::extract::{FromRequest, Request};
use maud::{Markup, html};

use crate::admin::trouble::Trouble;
use crate::http::Problem;
use crate::site::Site;

/// The fields of a form, as they were filled in. Those that are missing are empty.
#[derive(Default)]
pub(super) struct Sent(HashMap<String, String>);

impl Sent {
    /// A field.
    pub(super) fn text(&self, field: &str) -> &str {
        self.0.get(field).map_or("", |text| text.trim())
    }

    /// A field as it is, blanks and all: passwords.
    pub(super) fn whole(&self, field: &'static str) -> Result<String, Problem> {
        match self.0.get(field) {
            Some(text) if !text.is_empty() => Ok(text.clone()),
            _ => Err(missing(field)),
        }
    }

    /// A field that is to be filled in, read. What is wrong with it is said of this field.
    pub(super) fn read<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        field: &'static str,
    ) -> Result<T, Problem> {
        match self.text(field) {
            "" => Err(missing(field)),
            text => {
                text.parse().map_err(|error: T::Err| Problem::invalid(field, error.to_string()))
            }
        }
    }

    /// Whether a box is checked.
    pub(super) fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }
}

fn missing(field: &'static str) -> Problem {
    Problem::invalid(field, "this is to be filled in")
}

impl FromRequest<Site> for Sent {
    type Rejection = Trouble;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Trouble> {
        let sent = UrlEncoded::<Vec<(String, String)>>::from_request(request, site).await;
        let UrlEncoded(pairs) = sent.map_err(|rejection: FormRejection| {
            Problem::malformed(format!("the form cannot be read: {}", rejection.body_text()))
        })?;
        Ok(Self(pairs.into_iter().collect()))
    }
}

/// The forms that are shown again when they cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One's own password.
    OwnPassword,
    /// A user to be added.
    NewUser,
    /// A token to be made.
    NewToken,
    /// Another role for a user.
    Role,
    /// Another password for a user.
    Password,
}

impl Form {
    /// Its fields, as they are called when they are sent.
    fn fields(self) -> &'static [&'static str] {
        match self {
            Form::OwnPassword => &["current", "password"],
            Form::NewUser => &["name", "role", "new-password"],
            Form::NewToken => &["name", "scopes", "days"],
            Form::Role => &["role"],
            Form::Password => &["password"],
        }
    }
}

/// A form that was sent and cannot be taken.
pub(super) struct Refused {
    /// Which form.
    pub(super) form: Form,
    /// What was filled in.
    pub(super) sent: Sent,
    /// What is wrong.
    pub(super) problem: Problem,
}

impl Refused {
    /// A form whose field is at fault; anything else that went wrong has a page of its own.
    pub(super) fn new(form: Form, sent: Sent, problem: Problem) -> Result<Self, Trouble> {
        match problem.field() {
            Some(field) if form.fields().contains(&field) => Ok(Self { form, sent, problem }),
            _ => Err(problem.into()),
        }
    }
}

/// One of the forms of a page, as it is shown: empty, or as it was sent with what is wrong.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a>(Option<&'a Refused>);

impl<'a> Shown<'a> {
    /// A form of a page that shows again what was refused, if anything was.
    pub(super) fn of(form: Form, refused: Option<&'a Refused>) -> Self {
        Self(refused.filter(|refused| refused.form == form))
    }

    /// Whether it was refused.
    pub(super) fn is_refused(self) -> bool {
        self.0.is_some()
    }

    /// What stands in a field; nothing in a form that was not sent.
    pub(super) fn value(self, field: &str) -> Option<&'a str> {
        self.0.map(|refused| refused.sent.text(field))
    }

    /// Whether a box is checked, which usually is or is not.
    pub(super) fn is_checked(self, field: &str, usually: bool) -> bool {
        self.0.map_or(usually, |refused| refused.sent.has(field))
    }

    /// What is wrong with a field.
    pub(super) fn problem(self, field: &str) -> Option<Markup> {
        let problem = &self.0?.problem;
        (problem.field() == Some(field)).then(|| html! { (problem.detail()) })
    }
}
