//! Who has access: signing in, and `/access`.

mod sign_in;

pub(crate) use self::sign_in::{sign_in_button, sign_in_form};
