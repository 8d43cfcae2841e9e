//! `wigeon completions`.

use std::process::Stdio;

use crate::Place;

#[test]
fn every_shell_gets_completions_for_every_command() {
    let place = Place::empty();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (code, script) = place.stdout(&["completions", shell]);
        assert_eq!(code, 0, "{shell}");
        for word in ["check", "history", "inspect", "--due"] {
            let word = if shell == "fish" {
                word.trim_start_matches('-')
            } else {
                word
            };
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn a_reader_that_has_read_enough_is_no_failure() {
    let place = Place::empty();
    let mut child = place
        .command(&["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Closed before anything is read.
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}
