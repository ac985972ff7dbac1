//! `action list`: actions that match, in many formats, page by page.

use action_scheduler::query::{ArgsMatch, Claimed, Comparator, Order, OrderBy};
use action_scheduler::{Action, ChainId, Group, Hook, Invalid, Query, Scheduler, Status};
use anyhow::Result;
use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::fields::{self, Field};
use crate::app::{App, dates};
use crate::failure::BadInput;
use crate::input;
use crate::output::{self, Format, Records};

const EXAMPLES: &str = "\
Examples:
  action-scheduler action list --status pending,in-progress --group billing
  action-scheduler action list --past-due --fields id,hook,scheduled_at
  action-scheduler action list --date '>=yesterday' --date '<today' --format count
  action-scheduler action list --args '{\"order\":42}' --args-match json --format json
  action-scheduler action list --modified '>1 hour ago' --orderby modified --order desc
  action-scheduler action list --search zoe --orderby log_entries --order desc --within 10000

Dates may carry a comparator: one of != > >= < <= = (<= unless given). Twice makes a range.
The next page begins after the cursor that the one before it printed: --after CURSOR.";

/// Which actions, and how to print them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// Only this hook
    #[arg(long)]
    hook: Option<Hook>,
    /// Only this group; '' is the default group
    #[arg(long)]
    group: Option<Group>,
    /// Only these statuses, separated by commas: pending, in-progress, complete, failed, canceled
    #[arg(long, value_delimiter = ',')]
    status: Vec<Status>,
    /// Only pending actions that are due
    #[arg(long, conflicts_with = "status")]
    past_due: bool,
    /// Only args like these: JSON, @FILE, - for stdin; a text with --args-match text
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    args: Option<String>,
    /// How args are compared: exact, text (they contain it) or json (they have its keys or elements)
    #[arg(
        long,
        value_name = "HOW",
        value_enum,
        default_value_t,
        requires = "args",
        hide_possible_values = true
    )]
    args_match: ArgsCompared,
    /// Only actions due at such a date, such as '<=tomorrow'
    #[arg(long, value_name = "DATE", allow_hyphen_values = true)]
    date: Vec<String>,
    /// The comparator of a --date that has none
    #[arg(long, value_name = "SIGN", requires = "date", allow_hyphen_values = true)]
    date_compare: Option<Comparator>,
    /// Only actions that last changed at such a date
    #[arg(long, value_name = "DATE", allow_hyphen_values = true)]
    modified: Vec<String>,
    /// The comparator of a --modified that has none
    #[arg(long, value_name = "SIGN", requires = "modified", allow_hyphen_values = true)]
    modified_compare: Option<Comparator>,
    /// Only claimed ones (yes), unclaimed ones (no), or those of a claim (its id)
    #[arg(long, value_name = "CLAIM", value_parser = claimed)]
    claimed: Option<Claimed>,
    /// Only instances of this chain
    #[arg(long, value_name = "ID")]
    chain: Option<ChainId>,
    /// Only actions whose hook or args contain this text, or whose id or claim id it is
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    search: Option<String>,
    /// What they are sorted by: date, hook, group, modified, started, finished, claim_id, log_entries, action_id or none
    #[arg(long, value_name = "KEY", default_value = "date")]
    orderby: OrderBy,
    /// Which way they are sorted: asc or desc
    #[arg(long, default_value = "asc")]
    order: Order,
    /// Looks at no more than so many: the first by date, or the newest in any other order [default: all]
    #[arg(long, value_name = "N", value_parser = input::number)]
    within: Option<u32>,
    /// How many at most; 0 is all
    #[arg(long, visible_alias = "limit", value_name = "N", default_value_t = 20, value_parser = input::number)]
    per_page: u32,
    /// How many are passed over first; for pages, --after stays fast where this does not
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = input::number)]
    offset: u32,
    /// The next page: only what comes after this place
    #[arg(long, value_name = "CURSOR", conflicts_with = "offset")]
    after: Option<action_scheduler::query::Cursor>,
    /// What is shown of each, separated by commas
    #[arg(long, value_delimiter = ',', value_enum, hide_possible_values = true)]
    fields: Vec<Field>,
    /// How they are printed: table, json, csv, ids, count or yaml
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// How args are compared.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum ArgsCompared {
    /// They are the same
    #[default]
    Exact,
    /// Their JSON contains this text
    #[value(alias = "like")]
    Text,
    /// They have each of these keys or elements
    Json,
}

/// Prints the actions.
pub async fn run(app: &App, mut options: Options) -> Result<()> {
    if options.json {
        options.format = Format::Json;
    }
    let opened = app.existing().await?;
    let query = query(&options, &opened.scheduler)?;
    if options.format == Format::Count {
        return output::print(&opened.scheduler.count(query).await?.to_string());
    }
    let fields = match (options.format, options.fields.is_empty()) {
        (Format::Ids, _) => vec![Field::Id],
        (_, false) => options.fields.clone(),
        (Format::Table, true) => fields::FOR_PEOPLE.to_vec(),
        (_, true) => fields::ALL.to_vec(),
    };
    let actions = opened.scheduler.query(query.clone()).await?;
    let dates = dates(&opened.scheduler);
    let row =
        |action: &Action| fields.iter().map(|field| field.of(action, &query, &dates)).collect();
    let records = Records {
        fields: fields.iter().map(|field| field.name()).collect(),
        rows: actions.iter().map(row).collect(),
    };
    if options.format == Format::Table && actions.is_empty() {
        output::note("no action matches");
        return Ok(());
    }
    records.print(options.format, &app.terminal)?;
    if let Some(last) = actions.last()
        && query.limit.is_some_and(|limit| u32::try_from(actions.len()) == Ok(limit))
        && options.format == Format::Table
    {
        let after = query.cursor(last);
        output::note(format_args!("there may be more: --after {after}"));
    }
    Ok(())
}

fn query(options: &Options, scheduler: &Scheduler) -> Result<Query> {
    let mut query = Query::new().order(options.orderby, options.order).offset(options.offset);
    query.limit = (options.per_page > 0).then_some(options.per_page);
    query.hook = options.hook.clone();
    query.group = options.group.clone();
    query.chain = options.chain;
    query.claimed = options.claimed;
    query.search = options.search.clone();
    query.after = options.after.clone();
    query.within = options.within;
    query.statuses = options.status.clone();
    query.statuses.sort_unstable();
    query.statuses.dedup();
    if let Some(text) = &options.args {
        query = query.args_match(match options.args_match {
            ArgsCompared::Exact => ArgsMatch::Exact(input::args(text)?),
            ArgsCompared::Text => ArgsMatch::ContainsText(text.clone()),
            ArgsCompared::Json => ArgsMatch::ContainsJson(input::args(text)?),
        });
    }
    for text in &options.date {
        let (comparator, date) = compared(text, options.date_compare, scheduler)?;
        query = query.scheduled(comparator, date);
    }
    for text in &options.modified {
        let (comparator, date) = compared(text, options.modified_compare, scheduler)?;
        query = query.modified(comparator, date);
    }
    if options.past_due {
        query = query.past_due(scheduler.now());
    }
    query.check()?;
    Ok(query)
}

/// A date with a comparator before it, which may be missing.
fn compared(
    text: &str,
    default: Option<Comparator>,
    scheduler: &Scheduler,
) -> Result<(Comparator, Timestamp)> {
    let text = text.trim();
    let end = text.find(|c| !matches!(c, '<' | '>' | '=' | '!')).unwrap_or(text.len());
    let (sign, date) = text.split_at(end);
    let comparator = match (sign, default) {
        ("", default) => default.unwrap_or(Comparator::LessOrEqual),
        (sign, None) => sign.parse()?,
        (sign, Some(_)) => {
            return Err(BadInput(format!(
                "the date {text:?} has a comparator of its own, {sign:?}; leave that or the \
                 option that sets it away"
            ))
            .into());
        }
    };
    Ok((comparator, scheduler.date(date.trim())?))
}

fn claimed(text: &str) -> Result<Claimed, Invalid> {
    match text {
        "yes" | "true" => Ok(Claimed::Any),
        "no" | "false" => Ok(Claimed::None),
        _ => text
            .parse()
            .map(Claimed::By)
            .map_err(|_| Invalid::new("claimed", text, "expected yes, no or the id of a claim")),
    }
}
