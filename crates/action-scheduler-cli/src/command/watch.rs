//! `watch`: the status again and again, in place on a terminal, else line by line.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use action_scheduler::query::{Order, OrderBy};
use action_scheduler::{Query, Status};
use anyhow::Result;
use clap::Args;
use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::{cursor, execute, terminal};

use super::status::Report;
use crate::app::{App, Opened};
use crate::input;
use crate::output;
use crate::output::safe::safe;
use crate::signals::Signals;

/// How many of the latest actions are shown.
const LATEST: u32 = 10;

/// How to watch.
#[derive(Debug, Args)]
#[command(after_help = "\
On a terminal the view is redrawn in place; q or Ctrl-C ends it. Elsewhere each look is one line.")]
pub struct Options {
    /// The time between two looks
    #[arg(long, value_name = "TIME", default_value = "1s",
          value_parser = input::positive_duration)]
    interval: Duration,
    /// End after this many looks [default: never]
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

/// Watches until it is told to stop.
pub async fn run(app: &App, options: Options) -> Result<()> {
    let opened = app.existing().await?;
    let is_live = app.terminal.is_terminal && io::stdin().is_terminal();
    let _screen = if is_live { Some(Screen::open()?) } else { None };
    let mut signals = Signals::new()?;
    let mut looks = 0;
    loop {
        let report = Report::of(&opened).await?;
        if is_live {
            draw(app, &opened, &report).await?;
        } else {
            output::print(&line(&opened, &report))?;
        }
        looks += 1;
        if options.count.is_some_and(|count| looks >= count) {
            return Ok(());
        }
        let stopped = tokio::select! {
            stopped = pause(options.interval, is_live) => stopped?,
            () = signals.next() => true,
        };
        if stopped {
            return Ok(());
        }
    }
}

/// One look as one line.
fn line(opened: &Opened, report: &Report) -> String {
    let counts: Vec<String> =
        Status::ALL.iter().map(|status| format!("{status} {}", report.count(*status))).collect();
    format!(
        "{}  {}  past-due {}  runners {}",
        opened.dates().absolute(opened.scheduler.now()),
        counts.join("  "),
        report.past_due,
        report.live_runners()
    )
}

async fn draw(app: &App, opened: &Opened, report: &Report) -> Result<()> {
    let mut text = report.text(opened, &app.terminal);
    let dates = opened.dates();
    let query = Query::new().order(OrderBy::Modified, Order::Descending).limit(LATEST);
    let latest = opened.scheduler.query(query).await?;
    text.push_str(&format!("\n\n{}", app.terminal.bold("latest changes")));
    for action in &latest {
        let status = action.status.as_str();
        text.push_str(&format!(
            "\n{:>8}  {}  {}  {}",
            action.id,
            app.terminal.status(status, &format!("{status:<11}")),
            safe(action.hook.as_str()),
            app.terminal.dim(&dates.relative(action.modified_at()))
        ));
    }
    text.push_str(&format!("\n\n{}", app.terminal.dim("q quits")));
    let (_, height) = terminal::size().unwrap_or((80, 24));
    let mut out = io::stdout().lock();
    execute!(out, cursor::MoveTo(0, 0))?;
    for line in text.lines().take(usize::from(height.saturating_sub(1))) {
        // The terminal is in raw mode: a line break alone would not go back to the margin.
        write!(out, "{line}\x1b[K\r\n")?;
    }
    execute!(out, terminal::Clear(terminal::ClearType::FromCursorDown))?;
    Ok(())
}

/// Waits for the next look; true when a key said to stop.
async fn pause(interval: Duration, is_live: bool) -> Result<bool> {
    if !is_live {
        tokio::time::sleep(interval).await;
        return Ok(false);
    }
    tokio::task::spawn_blocking(move || {
        let end = std::time::Instant::now() + interval;
        loop {
            let left = end.saturating_duration_since(std::time::Instant::now());
            if !event::poll(left)? {
                return Ok(false);
            }
            match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => {
                    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
                    match key.code {
                        KeyCode::Char('q') | KeyCode::Esc => return Ok(true),
                        KeyCode::Char('c') if is_control => return Ok(true),
                        _ => {}
                    }
                }
                Event::Resize(..) => return Ok(false),
                _ => {}
            }
        }
    })
    .await?
}

/// The terminal's second screen, in raw mode; it is as it was when this goes.
struct Screen;

impl Screen {
    fn open() -> Result<Self> {
        terminal::enable_raw_mode()?;
        let screen = Self;
        execute!(
            io::stdout(),
            terminal::EnterAlternateScreen,
            cursor::Hide,
            // Lines that are too long are cut, not wrapped.
            terminal::DisableLineWrap,
            terminal::Clear(terminal::ClearType::All)
        )?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nothing more can be done about a terminal that is gone.
        let _ = execute!(
            io::stdout(),
            terminal::EnableLineWrap,
            cursor::Show,
            terminal::LeaveAlternateScreen
        );
        let _ = terminal::disable_raw_mode();
    }
}
