//! Where everything that the program says goes: data to stdout, the rest to stderr.

use std::{
    io::{self, BufWriter, IsTerminal as _, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use anstream::{AutoStream, ColorChoice};
use indicatif::{MultiProgress, ProgressDrawTarget};
use serde::Serialize;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::{command_error::CommandError, words::escaped_lines};

/// The two outputs of the program, and how much is said.
#[derive(Debug)]
pub(crate) struct Printer {
    quiet: bool,
    verbose: u8,
    color: ColorChoice,
    /// Whether a person is looking at stderr.
    terminal: bool,
    bars: MultiProgress,
    has_printed: AtomicBool,
}

impl Printer {
    /// Looks at what the outputs are.
    pub(crate) fn new(quiet: bool, verbose: u8, color: ColorChoice) -> Self {
        let terminal = io::stderr().is_terminal();
        let target = if terminal && !quiet {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self {
            quiet,
            verbose,
            color,
            terminal,
            bars: MultiProgress::with_draw_target(target),
            has_printed: AtomicBool::new(false),
        }
    }

    /// Begins to show what the engine logs, on stderr.
    ///
    /// Without `--verbose` that is warnings only. What wasmtime and others log is of no use here,
    /// but for their warnings.
    pub(crate) fn start_log(&self) {
        let filter = match (self.quiet, self.verbose) {
            (true, _) => "error",
            (false, 0) => "warn",
            (false, 1) => "warn,wigeon=info",
            (false, 2) => "warn,wigeon=debug",
            (false, _) => "warn,wigeon=trace",
        };
        tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(filter))
            .with_ansi(self.colors_stderr())
            .with_writer(LogWriter {
                bars: self.bars.clone(),
            })
            .init();
    }

    /// Returns whether progress is of interest to anybody.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Returns whether details are wanted.
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose > 0
    }

    /// Returns whether a person is looking at stderr.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Returns whether anything was written to stdout.
    pub(crate) fn has_printed(&self) -> bool {
        self.has_printed.load(Ordering::Relaxed)
    }

    /// Returns whether stderr takes colors.
    pub(crate) fn colors_stderr(&self) -> bool {
        match self.color {
            ColorChoice::Auto => AutoStream::choice(&io::stderr()) != ColorChoice::Never,
            choice => choice != ColorChoice::Never,
        }
    }

    /// Returns the progress bars, which are invisible if stderr is not a terminal.
    pub(crate) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Returns stdout, for data that comes bit by bit. Flush it at the end.
    pub(crate) fn stdout(&self) -> impl Write {
        self.has_printed.store(true, Ordering::Relaxed);
        BufWriter::new(io::stdout().lock())
    }

    /// Prints a result. Whatever of it a terminal would obey is escaped: names of files and values
    /// are said by strangers.
    pub(crate) fn data(&self, text: &str) -> Result<(), CommandError> {
        let mut stdout = self.stdout();
        writeln!(stdout, "{}", escaped_lines(text.trim_end_matches('\n')))?;
        stdout.flush()?;
        Ok(())
    }

    /// Prints a result as JSON.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<(), CommandError> {
        let mut stdout = self.stdout();
        serde_json::to_writer_pretty(&mut stdout, value).map_err(io::Error::from)?;
        writeln!(stdout)?;
        stdout.flush()?;
        Ok(())
    }

    /// Prints a result that nobody asked for in so many words, unless `--quiet`.
    pub(crate) fn summary(&self, text: &str) -> Result<(), CommandError> {
        if self.quiet {
            return Ok(());
        }
        self.data(text)
    }

    /// Tells a person what is going on, unless `--quiet`. Escaped as a result is.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            let text = escaped_lines(text.trim_end_matches('\n'));
            self.stderr(&format!("{text}\n"));
        }
    }

    /// Writes to stderr what may have styles in it, above the progress bars. Nothing is escaped.
    pub(crate) fn stderr(&self, styled: &str) {
        let choice = if self.colors_stderr() {
            ColorChoice::Always
        } else {
            ColorChoice::Never
        };
        self.bars.suspend(|| {
            // Nothing can be said about a stderr that is gone.
            let mut stderr = AutoStream::new(io::stderr().lock(), choice);
            stderr.write_all(styled.as_bytes()).ok();
        });
    }
}

/// Lets the log appear above the progress bars.
struct LogWriter {
    bars: MultiProgress,
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = LogLine<'a>;

    fn make_writer(&'a self) -> LogLine<'a> {
        LogLine { bars: &self.bars }
    }
}

struct LogLine<'a> {
    bars: &'a MultiProgress,
}

impl Write for LogLine<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.bars.suspend(|| io::stderr().lock().write(line))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
