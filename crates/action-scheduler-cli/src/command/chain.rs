//! `chain`: the chains of recurring actions.

use action_scheduler::store::{Chain, ChainQuery, ChainState};
use action_scheduler::{ChainId, Error, Group, Hook, Schedule};
use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use crate::app::{App, Opened};
use crate::command::each::{Each, change_each};
use crate::input;
use crate::output::time::Dates;
use crate::output::{self, Cell, Format, Records, shortened};

const EXAMPLES: &str = "\
Examples:
  action-scheduler chain list --state paused
  action-scheduler chain get 12
  action-scheduler chain pause 12 --reason 'the shop is closed'
  action-scheduler chain resume 12
  action-scheduler chain end 12

A chain is all the instances, past and next, of one recurring action. It is paused after failures
in a row (5, see failure_threshold in the config) and goes on when it is resumed.";

/// What to do with chains.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum What {
    /// List chains
    List(List),
    /// Show one chain
    Get {
        /// The chain
        id: ChainId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Let chains stand still until they are resumed
    Pause {
        /// The chains
        #[arg(required = true)]
        ids: Vec<ChainId>,
        /// Why, for people to read
        #[arg(long, default_value = "paused by hand")]
        reason: String,
        /// Print an array of {"id":…,"ok":…,"error":…}
        #[arg(long)]
        json: bool,
    },
    /// End chains for good: what is pending is canceled, what is running has nothing after it
    End {
        /// The chains
        #[arg(required = true)]
        ids: Vec<ChainId>,
        /// Print an array of {"id":…,"ok":…,"error":…}
        #[arg(long)]
        json: bool,
    },
    /// Let paused chains go on at their next date
    Resume {
        /// The chains
        #[arg(required = true)]
        ids: Vec<ChainId>,
        /// Print an array of {"id":…,"ok":…,"error":…,"next":…}: next is an action
        #[arg(long)]
        json: bool,
    },
}

/// Which chains, and how they are printed.
#[derive(Debug, Args)]
pub struct List {
    /// Only this hook
    #[arg(long)]
    hook: Option<Hook>,
    /// Only this group
    #[arg(long)]
    group: Option<Group>,
    /// Only chains in these states, separated by commas
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    state: Vec<State>,
    /// How many at most; 0 is all
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = input::number)]
    limit: u32,
    /// Only chains after this one: the next page
    #[arg(long, value_name = "ID")]
    after: Option<ChainId>,
    /// How they are printed: table, json, csv, ids, count or yaml
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    Active,
    Paused,
    Ended,
}

impl From<State> for ChainState {
    fn from(state: State) -> Self {
        match state {
            State::Active => ChainState::Active,
            State::Paused => ChainState::Paused,
            State::Ended => ChainState::Ended,
        }
    }
}

/// Does it.
pub async fn run(app: &App, what: What) -> Result<()> {
    let opened = app.existing().await?;
    match what {
        What::List(list) => print_list(app, &opened, list).await,
        What::Get { id, json } => get(app, &opened, id, json).await,
        What::Pause { ids, reason, json } => {
            let pause = async |id| opened.scheduler.pause(id, &reason).await;
            change_each(&ids, json, pause, |id| format!("chain {id} is paused")).await
        }
        What::End { ids, json } => {
            let end = async |id| opened.scheduler.end(id).await;
            change_each(&ids, json, end, |id| format!("chain {id} is ended")).await
        }
        What::Resume { ids, json } => resume(&opened, ids, json).await,
    }
}

async fn print_list(app: &App, opened: &Opened, list: List) -> Result<()> {
    let chains = opened
        .scheduler
        .chains(ChainQuery {
            hook: list.hook,
            group: list.group,
            states: list.state.into_iter().map(ChainState::from).collect(),
            after: list.after,
            limit: (list.limit > 0).then_some(list.limit),
            ..ChainQuery::default()
        })
        .await?;
    let dates = opened.dates();
    let records = Records {
        fields: vec![
            "id",
            "hook",
            "group",
            "args",
            "schedule",
            "state",
            "failures",
            "head",
            "key",
            "reason",
            "created_at",
        ],
        rows: chains.iter().map(|chain| row(chain, &dates)).collect(),
    };
    let format = if list.json { Format::Json } else { list.format };
    records.print(format, &app.terminal)?;
    if let Some(last) = chains.last()
        && format == Format::Table
        && u32::try_from(chains.len()) == Ok(list.limit)
    {
        output::note(format_args!("there may be more: --after {}", last.id));
    }
    Ok(())
}

fn row(chain: &Chain, dates: &Dates) -> Vec<Cell> {
    let schedule = Schedule::Recurring(chain.recurring.clone());
    let optional = |text: &Option<String>| text.as_ref().map_or_else(Cell::empty, Cell::plain);
    vec![
        Cell::plain(chain.id),
        Cell::plain(&chain.hook),
        Cell::plain(&chain.group),
        Cell::new(shortened(chain.args.as_str()), &chain.args),
        Cell::new(schedule.to_string(), &schedule),
        Cell::plain(chain.state),
        Cell::plain(chain.failures),
        chain.head.map_or_else(Cell::empty, Cell::plain),
        optional(&chain.key),
        optional(&chain.reason),
        Cell::new(dates.absolute(chain.created_at), chain.created_at),
    ]
}

async fn get(app: &App, opened: &Opened, id: ChainId, json: bool) -> Result<()> {
    let query = ChainQuery { ids: Some(vec![id]), ..ChainQuery::default() };
    let Some(chain) = opened.scheduler.chains(query).await?.pop() else {
        return Err(Error::NoSuchChain(id).into());
    };
    if json {
        return output::print(&output::json(&chain)?);
    }
    let dates = opened.dates();
    let mut rows = vec![
        ("id", chain.id.to_string()),
        ("hook", chain.hook.to_string()),
        ("group", chain.group.to_string()),
        ("args", chain.args.to_string()),
        ("priority", chain.priority.to_string()),
        ("schedule", Schedule::Recurring(chain.recurring.clone()).to_string()),
        ("first", dates.show(chain.recurring.first)),
        ("state", chain.state.to_string()),
        ("failures", format!("{} in a row", chain.failures)),
        ("created_at", dates.show(chain.created_at)),
    ];
    let optional = [
        ("key", chain.key.clone()),
        ("reason", chain.reason.clone()),
        ("head", chain.head.map(|head| format!("action {head}"))),
    ];
    rows.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
    output::print(&output::details(&rows, &app.terminal))
}

async fn resume(opened: &Opened, ids: Vec<ChainId>, json: bool) -> Result<()> {
    let mut told = Each::new(json);
    for id in ids {
        match opened.scheduler.resume(id).await {
            Ok(next) => {
                let at = opened.scheduler.fetch(next).await?.scheduled_at;
                let at = opened.dates().show(at);
                let text = format!("chain {id} goes on with action {next}, {at}");
                told.done(id, json!({ "next": next }), text)?;
            }
            Err(error) => told.failed(id, error)?,
        }
    }
    told.finish()
}
