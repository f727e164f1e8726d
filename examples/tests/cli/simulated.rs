//! The demonstration in a simulated world.

use super::process::run;

/// The last line of a simulation of three seconds.
fn trace(seed: &str) -> String {
    let ended = run("modbus", &["demo", "--backend", "mock", "--seconds", "3", "--seed", seed]);
    assert_eq!((ended.code, ended.stderr.len()), (Some(0), 0), "{:?}", ended.stderr);
    assert!(ended.stdout[0].contains("simulated for 3s"), "{:?}", ended.stdout);
    ended.stdout.last().expect("it prints").clone()
}

#[test]
fn a_seed_gives_its_trace_and_another_seed_another() {
    let seven = trace("7");
    let hash = seven.strip_prefix("trace ").expect("the last line is the trace's hash");
    assert!(hash.len() == 32 && hash.chars().all(|digit| digit.is_ascii_hexdigit()), "{hash}");
    assert_eq!(trace("7"), seven);
    assert_ne!(trace("8"), seven);
}
