//! What a server can say about how it was started, for the page of settings. It holds no secrets.

/// How a server was started.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// The store's URL, without a password.
    pub store: String,
    /// The config file, if there is one.
    pub file: Option<String>,
    /// The settings in effect.
    pub settings: Vec<Setting>,
    /// What hooks are bound to by the config, in the order it is called.
    pub handlers: Vec<BoundHandler>,
}

/// A setting in effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its key in the config file, such as `runner.workers`.
    pub key: String,
    /// Its value; never a secret.
    pub value: String,
    /// Where the value came from: `default`, a line of a file, a variable, an option.
    pub origin: String,
}

/// What a hook is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundHandler {
    /// The hooks it is bound to.
    pub pattern: String,
    /// Its place among the handlers of one hook.
    pub priority: u8,
    /// What is called, such as `command pg_dump`; never a secret.
    pub calls: String,
    /// Where that is said.
    pub origin: String,
}
