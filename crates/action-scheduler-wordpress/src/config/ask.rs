//! Asks PHP what a config defines.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use action_scheduler::handler::child::status_in_words;
use serde::Deserialize;

use super::{Constant, RELEVANT, WpConfig};
use crate::php::{Php, Script};

const SCRIPT: &str = include_str!("ask.php");

/// A config that takes longer hangs, most likely on something it wants to reach.
const LONGEST: Duration = Duration::from_secs(15);

/// Why PHP could not tell.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// PHP could not be run.
    #[error("{0}")]
    NotRun(std::io::Error),
    /// It took too long.
    #[error("it did not end within {} s", LONGEST.as_secs())]
    TooLong,
    /// It ended without an answer.
    #[error("it ended without an answer ({status}): {output}")]
    NoAnswer {
        /// How it ended.
        status: String,
        /// What it printed.
        output: String,
    },
    /// Its answer makes no sense.
    #[error("its answer cannot be understood: {0}")]
    Nonsense(String),
}

#[derive(Deserialize)]
struct Answer {
    constants: BTreeMap<String, serde_json::Value>,
    table_prefix: Option<String>,
}

pub(super) async fn ask(file: &Path, php: &Php) -> Result<WpConfig, AskError> {
    let args = [file.as_os_str().to_owned(), RELEVANT.join(",").into()];
    let running = php.run_script(Script { source: SCRIPT, args: &args });
    let ended = tokio::time::timeout(LONGEST, running).await.map_err(|_| AskError::TooLong)?;
    let ended = ended.map_err(AskError::NotRun)?;
    if ended.answer.is_empty() {
        let status = status_in_words(ended.status);
        return Err(AskError::NoAnswer { status, output: ended.output });
    }
    let answer: Answer = serde_json::from_slice(&ended.answer)
        .map_err(|error| AskError::Nonsense(error.to_string()))?;
    let mut config = WpConfig { table_prefix: answer.table_prefix, ..WpConfig::default() };
    for name in RELEVANT {
        let constant = match answer.constants.get(*name) {
            None => continue,
            Some(serde_json::Value::Bool(flag)) => Constant::Flag(*flag),
            Some(serde_json::Value::Number(number)) => match number.as_i64() {
                Some(number) => Constant::Number(number),
                None => Constant::Text(number.to_string()),
            },
            Some(serde_json::Value::String(text)) => Constant::Text(text.clone()),
            Some(_) => Constant::Null,
        };
        config.constants.insert(name, constant);
    }
    Ok(config)
}
