//! What the program answers to whoever started it.
//!
//! Scripts and schedulers rely on these numbers: they only ever grow in number. The help of
//! `wigeon` lists them, and a test compares the two.

/// Everything that was asked for is done, or there was nothing to do.
pub(crate) const DONE: u8 = 0;

/// The run, or the query, failed: the data, an input, or storing the result.
pub(crate) const FAILED: u8 = 1;

/// The arguments or the manifest are wrong. It is clap's own code too.
pub(crate) const USAGE: u8 = 2;

/// A plugin is missing, failed, broke the contract, hit a limit, or is not the one that the lock
/// file pins.
pub(crate) const PLUGIN: u8 = 3;

/// The warehouse cannot be opened: it is missing, held by another process, or not a warehouse. Or it
/// does not hold, after a run, what the run has committed.
pub(crate) const WAREHOUSE: u8 = 4;

/// Verified, and a table is not what its extracts make of it.
pub(crate) const DIFFERENT: u8 = 5;

/// A bug in wigeon, `EX_SOFTWARE` of `sysexits.h`.
pub(crate) const INTERNAL: u8 = 70;

/// Another run of this pipeline is under way: `EX_TEMPFAIL`, so trying again later is right.
pub(crate) const BUSY: u8 = 75;

/// Interrupted by `SIGINT`, `SIGTERM` or `SIGHUP`: 128 and the number of the first, as shells have
/// it. It is one code for all three, since what to do next is the same.
pub(crate) const INTERRUPTED: u8 = 130;

/// The codes, as the help of the program shows them.
pub(crate) const HELP: &str = "\
Exit codes:
    0  done, or there was nothing to do
    1  the run or the query failed: data, input, storing
    2  wrong arguments or manifest
    3  a plugin is missing, failed, broke the contract, hit a limit or does not match the lock file
    4  the warehouse cannot be opened (missing, in use, not a warehouse) or lacks what was committed
    5  verified, and a table differs from what its extracts give
   70  a bug in wigeon
   75  busy: another run of this pipeline is under way
  130  interrupted";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_lists_every_code() {
        let listed: Vec<u8> = HELP
            .lines()
            .filter_map(|line| line.split_whitespace().next()?.parse().ok())
            .collect();
        let all = [
            DONE,
            FAILED,
            USAGE,
            PLUGIN,
            WAREHOUSE,
            DIFFERENT,
            INTERNAL,
            BUSY,
            INTERRUPTED,
        ];
        assert_eq!(listed, all);
    }
}
