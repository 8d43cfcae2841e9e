//! Registries that misbehave: small servers on loopback.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{OciError, Place, waiting::Limits};
use crate::digest;

static NEVER: AtomicBool = AtomicBool::new(false);

const COMPONENT: &[u8] = b"a component";

/// Limits that no test comes near to, but for those that it sets itself.
const PATIENT: Limits = Limits {
    connect: Duration::from_mins(1),
    silence: Duration::from_mins(1),
    overall: Duration::from_mins(1),
    component_bytes: 1000,
};

/// Starts a registry that lets everybody in, and gives every other request to `answer`. Returns its
/// host. It ends with the process.
fn registry(answer: impl Fn(TcpStream) + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let answer = answer.clone();
            thread::spawn(move || {
                if request(&mut stream).starts_with("GET /v2/ ") {
                    send(&mut stream, "Content-Length: 0\r\n", b"");
                } else {
                    answer(stream);
                }
            });
        }
    });
    host
}

/// Reads a request, which has no body.
fn request(stream: &mut TcpStream) -> String {
    let mut request = vec![];
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        request.extend(byte);
    }
    String::from_utf8(request).unwrap()
}

/// Sends the beginning of an answer; whoever is gone by then needs none.
fn send(stream: &mut TcpStream, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(&[head.as_bytes(), body].concat()).ok();
}

/// Says nothing, until the other side has closed the connection.
fn be_silent(mut stream: TcpStream) {
    stream.read_to_end(&mut vec![]).ok();
}

/// Sends a body of `length` bytes in pieces of one byte, with a pause after each.
fn drip(mut stream: TcpStream, length: usize, body: impl IntoIterator<Item = u8>, pause: Duration) {
    send(&mut stream, &format!("Content-Length: {length}\r\n"), b"");
    for byte in body {
        if stream.write_all(&[byte]).is_err() {
            return;
        }
        thread::sleep(pause);
    }
}

fn place<'a>(host: &str, limits: Limits, stop: &'a AtomicBool) -> Place<'a> {
    Place::new(&format!("{host}/team/mask:1.2.0"), limits, stop).unwrap()
}

/// Pulls the component.
fn pull(host: &str, limits: Limits) -> Result<Vec<u8>, OciError> {
    place(host, limits, &NEVER).pull(&digest(COMPONENT))
}

#[test]
fn a_component_that_comes_slowly_is_taken() {
    let host = registry(|stream| {
        let pause = Duration::from_millis(20);
        drip(stream, COMPONENT.len(), COMPONENT.iter().copied(), pause);
    });
    assert_eq!(pull(&host, PATIENT).unwrap(), COMPONENT);
}

#[test]
fn a_registry_that_never_answers_is_given_up() {
    let host = registry(be_silent);
    let limits = Limits {
        silence: Duration::from_millis(200),
        ..PATIENT
    };
    let begun = Instant::now();
    let error = place(&host, limits, &NEVER).digest().unwrap_err();
    assert!(matches!(error, OciError::Silent { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!("the registry `{host}` was silent for 0.2 s")
    );
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_registry_that_falls_silent_within_a_component_is_given_up() {
    let host = registry(|mut stream| {
        send(&mut stream, "Content-Length: 11\r\n", &COMPONENT[..5]);
        be_silent(stream);
    });
    let limits = Limits {
        silence: Duration::from_millis(200),
        ..PATIENT
    };
    let error = pull(&host, limits).unwrap_err();
    assert!(matches!(error, OciError::Silent { .. }), "{error:?}");
}

#[test]
fn a_registry_that_drips_is_given_up() {
    let host = registry(|stream| {
        let endless = std::iter::repeat(b'a');
        drip(stream, 1_000_000, endless, Duration::from_millis(20));
    });
    let limits = Limits {
        overall: Duration::from_millis(500),
        component_bytes: 1_000_000,
        ..PATIENT
    };
    let begun = Instant::now();
    let error = pull(&host, limits).unwrap_err();
    assert!(matches!(error, OciError::Late { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!("the registry `{host}` was not done after 0.5 s")
    );
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_registry_that_closes_in_the_middle_is_told_as_such() {
    let host = registry(|mut stream| {
        send(&mut stream, "Content-Length: 11\r\n", &COMPONENT[..5]);
    });
    let error = pull(&host, PATIENT).unwrap_err();
    assert!(matches!(error, OciError::BrokenOff { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!("the registry `{host}` broke off after 5 bytes")
    );
}

#[test]
fn a_registry_that_sends_more_than_may_be_is_cut_off() {
    // With a size, and without one: then the end of the connection is that of the component.
    for size in ["Content-Length: 1001\r\n", ""] {
        let host = registry(move |mut stream| send(&mut stream, size, &[b'a'; 1001]));
        let error = pull(&host, PATIENT).unwrap_err();
        assert!(matches!(error, OciError::TooLarge { .. }), "{error:?}");
        assert_eq!(
            error.to_string(),
            format!(
                "`team/mask@{}` has more than 1000 bytes, the most that are read",
                digest(COMPONENT)
            )
        );
    }
}

#[test]
fn a_registry_is_not_waited_for_once_it_is_asked_to_stop() {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    let host = registry(move |stream| {
        asked.store(true, Ordering::Relaxed);
        be_silent(stream);
    });
    let begun = Instant::now();
    let error = place(&host, PATIENT, &stop).digest().unwrap_err();
    assert!(matches!(error, OciError::Interrupted { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!("talking to the registry `{host}` was interrupted")
    );
    assert!(begun.elapsed() < Duration::from_secs(20));
}
