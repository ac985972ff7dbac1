//! The terminal: whether there is one, its colours, its width, and progress bars beside log lines.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::LazyLock;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::output::thousands;

/// When colours are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Color {
    /// Whether to use colours on a stream.
    fn on(self, is_terminal: bool) -> bool {
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                let asked_not_to = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
                let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
                is_terminal && !asked_not_to && !dumb
            }
        }
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Lines for people
    #[default]
    Text,
    /// An object per line
    Json,
}

/// What stdout is.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    /// Whether stdout is a terminal.
    pub is_terminal: bool,
    /// Whether to use colours on stdout.
    pub colors: bool,
    /// Whether to use colours on stderr.
    pub error_colors: bool,
}

impl Terminal {
    /// Looks at stdout and stderr.
    pub fn detect(color: Color) -> Self {
        let is_terminal = io::stdout().is_terminal();
        Self {
            is_terminal,
            colors: color.on(is_terminal),
            error_colors: color.on(io::stderr().is_terminal()),
        }
    }

    /// How many characters a line holds; `None` where that does not matter.
    pub fn width(&self) -> Option<u16> {
        let size = || crossterm::terminal::size().ok().map(|(width, _)| width);
        if self.is_terminal { size() } else { None }
    }

    /// A text in bold.
    pub fn bold(&self, text: &str) -> String {
        self.styled("1", text)
    }

    /// A text that stands back.
    pub fn dim(&self, text: &str) -> String {
        self.styled("2", text)
    }

    /// A text in the colour of a status.
    pub fn status(&self, status: &str, text: &str) -> String {
        match status {
            "failed" => self.styled("31", text),
            "complete" => self.styled("32", text),
            "in-progress" => self.styled("36", text),
            "past-due" | "paused" => self.styled("33", text),
            _ => text.to_owned(),
        }
    }

    fn styled(&self, code: &str, text: &str) -> String {
        if self.colors { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// What somebody at the terminal said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// `y` or `yes`.
    Yes,
    /// Anything else, or nothing.
    No,
    /// There is nobody to ask.
    Nobody,
}

/// Asks a question on stderr, if somebody is there who can read it and answer.
pub async fn ask(question: String) -> io::Result<Answer> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(Answer::Nobody);
    }
    let asking = tokio::task::spawn_blocking(move || {
        write!(io::stderr().lock(), "{question} ")?;
        let mut line = String::new();
        io::stdin().read_line(&mut line)?;
        Ok(line)
    });
    let line: io::Result<String> = asking.await.map_err(io::Error::other)?;
    match line?.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(Answer::Yes),
        _ => Ok(Answer::No),
    }
}

/// All progress bars of this process; log lines are written above them.
static BARS: LazyLock<MultiProgress> =
    LazyLock::new(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));

/// A progress bar on stderr; nothing is drawn where that is no terminal. Without a total it only counts.
pub fn progress(total: Option<u64>) -> ProgressBar {
    let bar = match total {
        Some(total) => ProgressBar::new(total),
        None => ProgressBar::new_spinner(),
    };
    let bar = BARS.add(bar);
    set_style(
        &bar,
        match total {
            Some(_) => WITH_TOTAL,
            None => "{spinner} {human_pos} ({rate})",
        },
    );
    bar
}

/// Shows that something is going on, in words that are set as it goes on.
pub fn activity() -> ProgressBar {
    let bar = BARS.add(ProgressBar::new_spinner());
    set_style(&bar, "{spinner} {msg}");
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// A progress bar for work in several stages, each with a name and a total of its own.
pub struct Stages {
    bar: ProgressBar,
}

impl Stages {
    /// Nothing is shown until the first stage.
    pub fn new() -> Self {
        let bar = BARS.add(ProgressBar::new(0));
        set_style(&bar, "{msg} {bar:40} {human_pos}/{human_len} ({rate}, {eta} left)");
        Self { bar }
    }

    /// Shows how far a stage is.
    pub fn set(&self, stage: &'static str, done: u64, total: u64) {
        if self.bar.message() != stage {
            self.bar.reset();
            self.bar.set_message(stage);
        }
        self.bar.set_length(total.max(done));
        self.bar.set_position(done);
    }

    /// Takes the bar away.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// Shows the total of a bar that began without one.
pub fn with_total(bar: &ProgressBar, total: u64) {
    bar.set_length(total);
    set_style(bar, WITH_TOTAL);
}

const WITH_TOTAL: &str = "{bar:40} {human_pos}/{human_len} ({rate}, {eta} left)";

fn set_style(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        // Fractions of an action in a second are of no use to anyone.
        let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
            let _ = write!(out, "{}/s", thousands(state.per_sec() as u64));
        };
        bar.set_style(style.with_key("rate", rate));
    }
}

/// Sets up log lines on stderr.
pub fn start_logging(level: LevelFilter, format: LogFormat, color: Color) {
    let ansi = color.on(io::stderr().is_terminal());
    let lines = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(AboveBars)
        .with_target(level >= LevelFilter::DEBUG)
        .with_ansi(ansi);
    // A second call, as in tests, changes nothing.
    let _ = match format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
}

/// Writes to stderr while the progress bars stand aside.
struct AboveBars;

impl<'a> MakeWriter<'a> for AboveBars {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

impl Write for AboveBars {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        BARS.suspend(|| io::stderr().lock().write_all(line)).map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}
