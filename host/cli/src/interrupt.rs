//! What `SIGINT`, `SIGTERM` and `SIGHUP` do while a pipeline runs or is verified, and while a registry
//! may be waited for.

use std::{
    io::{self, Write as _},
    process,
    sync::atomic::{AtomicBool, Ordering},
};

use wigeon_engine::Cancellation;

use crate::{exit, printer::Printer};

/// Makes the first signal stop the command, with nothing of the current load stored, and the second end
/// the process at once. Both are answered with the same exit code, whichever signals they are.
///
/// Ending at once is safe: a load is a transaction, and the run lock goes with its process.
pub(crate) fn on_signal(printer: &Printer) -> Cancellation {
    let cancellation = Cancellation::default();
    let cancel = cancellation.clone();
    let bars = printer.bars().clone();
    let quiet = printer.is_quiet();
    let asked = AtomicBool::new(false);
    let handler = move || {
        if asked.swap(true, Ordering::Relaxed) {
            leave();
        }
        cancel.cancel();
        if !quiet {
            bars.suspend(|| {
                let text = "stopping; once more to end at once\n";
                io::stderr().write_all(text.as_bytes()).ok();
            });
        }
    };
    // It fails only if there is a handler already; then the signal ends the process, which is safe.
    ctrlc::set_handler(handler).ok();
    cancellation
}

#[expect(clippy::exit, reason = "whoever asks twice does not want to wait")]
fn leave() -> ! {
    process::exit(i32::from(exit::INTERRUPTED))
}
