//! The names of the tables.

/// The names of the tables, quoted, for [`format!`].
#[derive(Debug, Clone)]
pub(super) struct Tables {
    /// The plugin's actions.
    pub(super) actions: String,
    /// The plugin's claims.
    pub(super) claims: String,
    /// The plugin's groups.
    pub(super) groups: String,
    /// The plugin's log.
    pub(super) logs: String,
    /// WordPress' options.
    pub(super) options: String,
    /// WordPress' posts.
    pub(super) posts: String,
    /// What WordPress keeps of posts beside them.
    pub(super) postmeta: String,
    /// WordPress' comments.
    pub(super) comments: String,
    /// What WordPress keeps of comments beside them.
    pub(super) commentmeta: String,
    /// The names of what WordPress sorts posts into.
    pub(super) terms: String,
    /// What those names are names of.
    pub(super) taxonomy: String,
    /// Which posts are sorted into what.
    pub(super) relationships: String,
    /// When actions were stored, started and finished.
    pub(super) times: String,
    /// Which chain an action is an instance of.
    pub(super) instances: String,
    /// The chains.
    pub(super) chains: String,
    /// The callers' unique keys of actions.
    pub(super) keys: String,
    /// The runners.
    pub(super) runners: String,
    /// Which runner holds a claim.
    pub(super) holders: String,
    /// What the text of a log entry does not tell.
    pub(super) entries: String,
    /// Rows that are locked to take turns.
    pub(super) turns: String,
    /// The last transaction of each connection.
    pub(super) commits: String,
    /// The version of our own tables.
    pub(super) layout: String,
    /// What tells this store from all others.
    pub(super) identity: String,
    /// Other stores that something was taken in from.
    pub(super) origins: String,
    /// What became of what was taken in.
    pub(super) imports: String,
    /// What of it is held.
    pub(super) held: String,
    /// Small documents of programs around the engine.
    pub(super) records: String,
    /// Requests that came with a key.
    pub(super) receipts: String,
    /// What happened in each minute and hour.
    pub(super) figures: String,
}

impl Tables {
    /// The tables of a prefix.
    pub(super) fn new(prefix: &str) -> Self {
        let theirs = |name: &str| format!("`{prefix}{name}`");
        let ours = |name: &str| format!("`{prefix}action_scheduler_{name}`");
        Self {
            actions: theirs("actionscheduler_actions"),
            claims: theirs("actionscheduler_claims"),
            groups: theirs("actionscheduler_groups"),
            logs: theirs("actionscheduler_logs"),
            options: theirs("options"),
            posts: theirs("posts"),
            postmeta: theirs("postmeta"),
            comments: theirs("comments"),
            commentmeta: theirs("commentmeta"),
            terms: theirs("terms"),
            taxonomy: theirs("term_taxonomy"),
            relationships: theirs("term_relationships"),
            times: ours("times"),
            instances: ours("instances"),
            chains: ours("chains"),
            keys: ours("keys"),
            runners: ours("runners"),
            holders: ours("holders"),
            entries: ours("entries"),
            turns: ours("turns"),
            commits: ours("commits"),
            layout: ours("layout"),
            identity: ours("identity"),
            origins: ours("origins"),
            imports: ours("imports"),
            held: ours("held"),
            records: ours("records"),
            receipts: ours("receipts"),
            figures: ours("figures"),
        }
    }

    /// All but WordPress' own.
    pub(super) fn all(&self) -> [&str; 21] {
        [
            &self.actions,
            &self.claims,
            &self.groups,
            &self.logs,
            &self.times,
            &self.instances,
            &self.chains,
            &self.keys,
            &self.runners,
            &self.holders,
            &self.entries,
            &self.turns,
            &self.commits,
            &self.layout,
            &self.identity,
            &self.origins,
            &self.imports,
            &self.held,
            &self.records,
            &self.receipts,
            &self.figures,
        ]
    }
}
