//! What the standard library says of a world that a plugin is denied.
//!
//! `../rust_std.rs` puts this into a new plugin and adds `PORT`, `FILE` and `DIRECTORY`. Somebody
//! listens at the port and there is text in the file, so what succeeds here reached the real world.

use std::{
    collections::HashMap,
    env, fs,
    hash::{BuildHasher, RandomState},
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    path::Path,
    thread,
    time::{Duration, Instant, SystemTime},
};

const HOUR: Duration = Duration::from_secs(3_600);

/// Asks for everything; an error tells the first answer that is not as it should be.
pub fn denied() -> Result<(), String> {
    no_environment()?;
    no_files()?;
    no_network()?;
    no_time()?;
    no_waiting()?;
    maps()?;
    printing()
}

fn no_environment() -> Result<(), String> {
    if let Ok(value) = env::var("WIGEON_TEST_SECRET") {
        return Err(format!("the environment was told: {value}"));
    }
    match env::vars_os().count() + env::args_os().count() {
        0 => Ok(()),
        count => Err(format!("{count} variables and arguments were told")),
    }
}

fn no_files() -> Result<(), String> {
    if let Ok(text) = fs::read_to_string(FILE) {
        return Err(format!("a file was read: {text}"));
    }
    for directory in [DIRECTORY, "/", "."] {
        if fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(format!("the directory {directory} was listed"));
        }
    }
    if fs::write(Path::new(DIRECTORY).join("written"), "by a plugin").is_ok() {
        return Err("a file was written".to_owned());
    }
    let mut input = vec![];
    match io::stdin().read_to_end(&mut input) {
        Ok(1..) => Err("standard input was read".to_owned()),
        _ => Ok(()),
    }
}

fn no_network() -> Result<(), String> {
    if TcpStream::connect(("127.0.0.1", PORT)).is_ok() {
        return Err("a connection was made".to_owned());
    }
    if ("localhost", PORT).to_socket_addrs().is_ok() {
        return Err("the name of a host was looked up".to_owned());
    }
    Ok(())
}

fn no_time() -> Result<(), String> {
    let now = SystemTime::now();
    if now != SystemTime::UNIX_EPOCH {
        return Err(format!("the time was told: {now:?}"));
    }
    Ok(())
}

/// An hour that is over at once, as a call that takes a minute is ended, and that the clock shows
/// all the same.
fn no_waiting() -> Result<(), String> {
    let begun = Instant::now();
    thread::sleep(HOUR);
    let slept = begun.elapsed();
    if slept < HOUR || slept > 2 * HOUR {
        return Err(format!("an hour took {slept:?}"));
    }
    Ok(())
}

fn maps() -> Result<(), String> {
    let map: HashMap<&str, u32> = [("one", 1), ("two", 2)].into();
    if map.get("two") != Some(&2) || map.contains_key("three") {
        return Err("a map forgot".to_owned());
    }
    Ok(())
}

/// Writes lines for the log. The test compares the hashes in them, whose keys are random numbers.
fn printing() -> Result<(), String> {
    let hash = RandomState::new().hash_one("a text");
    let out = writeln!(io::stdout(), "to standard output");
    let error = writeln!(io::stderr(), "everything was denied; a hash is {hash:016x}");
    println!("and by println!");
    out.and(error)
        .map_err(|error| format!("nothing could be printed: {error}"))
}
