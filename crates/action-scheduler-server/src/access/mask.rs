//! Fields of args that are never shown.

use std::borrow::Cow;

use action_scheduler::policy::HookPattern;
use action_scheduler::{Args, Hook, Invalid};
use serde_json::Value;

/// What is shown instead.
const SHOWN: &str = "•••";
/// Texts shorter than this are not looked for in other texts: they would be found everywhere.
const SHORTEST_TEXT: usize = 4;

/// Which fields of the args of which hooks are never shown.
#[derive(Debug, Clone, Default)]
pub struct Masks(Vec<(HookPattern, Vec<Field>)>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    /// Everything.
    All,
    /// The arg at this place, from 0.
    Place(usize),
    /// What has this name in an object, at any depth.
    Name(String),
}

impl Masks {
    /// Masks fields of the hooks of a pattern: the name of a field at any depth, the place of an arg (from 0), or `*`.
    pub fn add(&mut self, pattern: HookPattern, fields: &[String]) -> Result<(), Invalid> {
        let read = |field: &String| match field.as_str() {
            "" => Err(Invalid::new("field", field, "expected a name, the place of an arg, or *")),
            "*" => Ok(Field::All),
            text => Ok(text.parse().map_or_else(|_| Field::Name(text.to_owned()), Field::Place)),
        };
        let fields: Result<Vec<Field>, Invalid> = fields.iter().map(read).collect();
        self.0.push((pattern, fields?));
        Ok(())
    }

    /// The args of an action of this hook as they may be shown.
    pub(crate) fn args<'a>(&self, hook: &Hook, args: &'a Args) -> Cow<'a, Args> {
        let fields = self.fields(hook);
        if fields.is_empty() {
            return Cow::Borrowed(args);
        }
        let masked = serde_json::from_str(args.as_str()).map(|mut value: Value| {
            mask_all(&mut value, &fields, &mut |_| {});
            value
        });
        // Args that are no JSON cannot be told apart, and none are shown.
        let value = masked.unwrap_or_else(|_| Value::from(SHOWN));
        Cow::Owned(Args::from_stored(value.to_string()))
    }

    /// A text about an action, such as an entry of its log, without the texts that its args hide.
    pub(crate) fn text<'a>(&self, hook: &Hook, args: &Args, text: &'a str) -> Cow<'a, str> {
        let fields = self.fields(hook);
        let mut shown = Cow::Borrowed(text);
        if fields.is_empty() {
            return shown;
        }
        let mut hidden: Vec<String> = Vec::new();
        if let Ok(mut value) = serde_json::from_str::<Value>(args.as_str()) {
            mask_all(&mut value, &fields, &mut |value| hidden.extend(texts_in(value)));
        }
        // The longest first, so that one which is part of another leaves nothing of that.
        hidden.sort_by_key(|text| std::cmp::Reverse(text.len()));
        for secret in hidden {
            if secret.chars().count() >= SHORTEST_TEXT && shown.contains(&secret) {
                shown = Cow::Owned(shown.replace(&secret, SHOWN));
            }
        }
        shown
    }

    fn fields(&self, hook: &Hook) -> Vec<&Field> {
        let of_hook = self.0.iter().filter(|(pattern, _)| pattern.matches(hook));
        of_hook.flat_map(|(_, fields)| fields).collect()
    }
}

/// Masks what the fields name, and gives each masked value to `hide` before.
fn mask_all(value: &mut Value, fields: &[&Field], hide: &mut impl FnMut(&Value)) {
    if fields.contains(&&Field::All) {
        hide(value);
        *value = Value::from(SHOWN);
        return;
    }
    if let Value::Array(args) = value {
        for (place, arg) in args.iter_mut().enumerate() {
            if fields.contains(&&Field::Place(place)) {
                hide(arg);
                *arg = Value::from(SHOWN);
            }
        }
    }
    // Not by recursion: stored args may be nested deeper than a stack is high.
    let mut rest: Vec<&mut Value> = vec![value];
    while let Some(value) = rest.pop() {
        match value {
            Value::Array(items) => rest.extend(items),
            Value::Object(object) => {
                for (name, value) in object {
                    let is_masked =
                        |field: &&Field| matches!(field, Field::Name(own) if own == name);
                    if fields.iter().any(is_masked) {
                        hide(value);
                        *value = Value::from(SHOWN);
                    } else {
                        rest.push(value);
                    }
                }
            }
            _ => {}
        }
    }
}

/// All texts and numbers in a value, as text.
fn texts_in(value: &Value) -> Vec<String> {
    let (mut texts, mut rest) = (Vec::new(), vec![value]);
    while let Some(value) = rest.pop() {
        match value {
            Value::String(text) => texts.push(text.clone()),
            Value::Number(number) => texts.push(number.to_string()),
            Value::Array(items) => rest.extend(items),
            Value::Object(object) => rest.extend(object.values()),
            Value::Null | Value::Bool(_) => {}
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn masks(pattern: &str, fields: &[&str]) -> Masks {
        let mut masks = Masks::default();
        let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
        masks.add(pattern.parse().unwrap(), &fields).unwrap();
        masks
    }

    fn shown(masks: &Masks, hook: &str, args: Value) -> Value {
        let args = Args::new(args).unwrap();
        serde_json::from_str(masks.args(&Hook::new(hook).unwrap(), &args).as_str()).unwrap()
    }

    #[test]
    fn a_masked_field_is_not_shown_at_any_depth() {
        let masks = masks("pay_*", &["card", "1"]);
        let args = json!([{ "card": "4111", "to": [{ "card": { "number": 4111 }, "amount": 3 }] }, "x", 5]);
        let hidden = json!([{ "card": "•••", "to": [{ "card": "•••", "amount": 3 }] }, "•••", 5]);
        assert_eq!(shown(&masks, "pay_now", args.clone()), hidden);
        assert_eq!(shown(&masks, "ship", args.clone()), args);
        assert_eq!(shown(&Masks::default(), "pay_now", args.clone()), args);
    }

    #[test]
    fn everything_can_be_masked_and_what_cannot_be_read_is() {
        let all = masks("*", &["*"]);
        assert_eq!(shown(&all, "any", json!([1, 2])), json!("•••"));
        let one = masks("*", &["card"]);
        let broken = Args::from_stored("{\"card\": 4");
        let hook = Hook::new("any").unwrap();
        assert_eq!(one.args(&hook, &broken).as_str(), "\"•••\"");
        assert!(Masks::default().add("*".parse().unwrap(), &[String::new()]).is_err());
    }

    #[test]
    fn what_args_hide_is_not_shown_by_their_log_either() {
        let masks = masks("*", &["card", "pin"]);
        let args = Args::new(
            json!({ "card": { "number": "4111-2222", "holder": "4111-2222 Ada" }, "pin": 12 }),
        )
        .unwrap();
        let hook = Hook::new("pay").unwrap();
        let text = masks.text(&hook, &args, "charged 4111-2222 Ada (4111-2222), 12 EUR");
        assert_eq!(text, "charged ••• (•••), 12 EUR");
    }

    #[test]
    fn args_nested_deep_are_masked_too() {
        let text = format!("{}{{\"card\":1}}{}", "[".repeat(100), "]".repeat(100));
        let args = Args::from_stored(text.clone());
        let masked = masks("*", &["card"]).args(&Hook::new("any").unwrap(), &args).into_owned();
        assert_eq!(masked.as_str(), text.replace("1}", "\"•••\"}"));
    }
}
