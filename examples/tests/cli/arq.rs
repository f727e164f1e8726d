//! `arq`.

use rustix::process::Signal;

use super::process::{Process, run};

/// The number behind `name` in a line of `NAME=NUMBER ..`.
fn number(line: &str, name: &str) -> u64 {
    let mut fields = line.split(' ').filter_map(|field| field.split_once('='));
    let value = fields.find(|(key, _)| *key == name).unwrap_or_else(|| panic!("no {name} in {line:?}")).1;
    value.parse().expect("a number")
}

#[test]
fn messages_come_in_order_though_datagrams_are_lost() {
    let (receiver, address) = Process::serve("arq", &["receive", "--listen", "127.0.0.1:0", "--loss", "10"]);
    for loss in ["0", "10"] {
        let ended = run("arq", &["send", &address.to_string(), "--count", "100", "--size", "128", "--loss", loss]);
        assert_eq!((ended.code, ended.stderr.len()), (Some(0), 0), "{ended:?}");
        assert_eq!(number(&ended.stdout[0], "messages"), 100);
        assert_eq!(receiver.line(), "messages=100 bytes=12800 in order");
    }
    receiver.signal(Signal::TERM);
    assert_eq!(receiver.end().code, Some(0));
}

#[test]
fn a_sender_without_a_receiver_that_is_interrupted_says_so() {
    let sender = Process::start("arq", &["send", "127.0.0.1:9"]);
    std::thread::sleep(std::time::Duration::from_millis(200));
    sender.signal(Signal::INT);
    let ended = sender.end();
    assert_eq!((ended.code, &ended.stderr[..]), (Some(1), &["arq: 127.0.0.1:9: interrupted".to_owned()][..]));
}

#[test]
fn the_proof_is_the_same_each_time() {
    let proofs = [(); 2].map(|()| run("arq", &["prove", "--seeds", "50"]));
    for proof in &proofs {
        assert_eq!((proof.code, proof.stderr.len()), (Some(0), 0), "{proof:?}");
    }
    assert_eq!(proofs[0].stdout, proofs[1].stdout);
    assert!(proofs[0].stdout.last().is_some_and(|line| line.starts_with("trace ")));
}

#[test]
fn a_mistake_is_found_drawn_and_repeated() {
    let folder = std::env::temp_dir().join(format!("ptk-arq-{}", std::process::id()));
    let folder = folder.to_str().expect("text");
    let found = run("arq", &["break", "--folder", folder]);
    assert_eq!((found.code, found.stderr.len()), (Some(0), 0), "{found:?}");
    let told = |name: &str| {
        let line = found.stdout.iter().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {found:?}")).trim()
    };
    for file in ["drawn:", "packets:"] {
        assert!(std::fs::metadata(told(file)).expect("the file is there").len() > 1000, "{file}");
    }
    let request = told("again:").split('\'').nth(1).expect("a request");
    let again = Process::start_with("arq", &["break", "--folder", folder], &[("PTK_RUN", request)]).end();
    assert_eq!((again.code, again.stdout.len()), (Some(0), found.stdout.len()), "{again:?}");
    for (now, then) in again.stdout.iter().zip(&found.stdout) {
        assert!(now == then || now.starts_with("choices:"), "{now}, and not {then}");
    }
    std::fs::remove_dir_all(folder).expect("it can be removed");
}
