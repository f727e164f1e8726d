//! `chat`, several processes on this machine's loopback interface.

use std::net::{Ipv4Addr, UdpSocket};
use std::process::ChildStdin;

use rustix::process::Signal;

use super::process::{Process, say};

/// A group that no other test has, and its port.
fn group(last: u8) -> String {
    format!("239.255.83.{last}:{}", 40_000 + u16::from(last) + (std::process::id() % 20_000) as u16)
}

/// Joins a group. The line that says so comes first, so nothing that is said later is missed.
fn join(group: &str) -> (Process, ChildStdin, String) {
    let (process, input) = Process::start_with_input("chat", &["--interface", "127.0.0.1", "--linger", "300", group]);
    let line = process.line();
    let own = line.strip_prefix(&format!("in {group} as ")).unwrap_or_else(|| panic!("the first line is {line:?}"));
    let own = own.to_owned();
    (process, input, own)
}

#[test]
fn everybody_hears_what_the_others_say() {
    let group = group(1);
    let mut participants: Vec<_> = (0..3).map(|_| join(&group)).collect();
    for sender in 0..participants.len() {
        let line = format!("grüße von {sender}");
        say(&mut participants[sender].1, &line);
        let own = participants[sender].2.clone();
        for (number, (process, ..)) in participants.iter().enumerate() {
            if number != sender {
                assert_eq!(process.line(), format!("{own}: {line}"));
            }
        }
    }
    for (process, input, _) in participants {
        drop(input);
        let ended = process.end();
        assert_eq!((ended.code, ended.stdout.len(), ended.stderr.len()), (Some(0), 0, 0), "{ended:?}");
    }
}

#[test]
fn what_is_answered_after_the_end_of_the_input_is_heard() {
    let group = group(2);
    let (receiver, input, _) = join(&group);
    let (_sender, mut other, _) = join(&group);
    drop(input);
    say(&mut other, "still there?");
    assert!(receiver.line().ends_with(": still there?"));
    assert_eq!(receiver.end().code, Some(0));
}

#[test]
fn the_last_line_needs_no_end_and_long_ones_come_in_several() {
    use std::io::Write;
    let group = group(3);
    let (receiver, _input, _) = join(&group);
    let (_sender, mut input, own) = join(&group);
    write!(input, "first\r\n\n{}\nlast", "x".repeat(2500)).unwrap();
    drop(input);
    let long: String = (0..4).map(|_| receiver.line()[own.len() + 2..].to_owned()).collect();
    assert!(long == format!("first{}", "x".repeat(2500)), "{} bytes", long.len());
    assert_eq!(receiver.line(), format!("{own}: last"));
}

#[test]
fn what_strangers_send_cannot_move_the_cursor() {
    let group = group(4);
    let (receiver, _input, _) = join(&group);
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    rustix::net::sockopt::set_ip_multicast_if(&stranger, &Ipv4Addr::LOCALHOST).unwrap();
    let own = stranger.local_addr().unwrap();
    for (datagram, shown) in [(&b"a\x1b[2Jb\xff"[..], "a\\u{1b}[2Jb\u{fffd}".to_owned()), (b"", String::new())] {
        stranger.send_to(datagram, &group).unwrap();
        assert_eq!(receiver.line(), format!("{own}: {shown}"));
    }
    stranger.send_to(&[b'x'; 2000], &group).unwrap();
    assert_eq!(receiver.line(), format!("{own}: {} [cut]", "x".repeat(1024)));
}

#[test]
fn signals_list_its_tasks_and_end_it() {
    for (number, signal) in [(5, Signal::INT), (6, Signal::TERM)] {
        let (process, _input, _) = join(&group(number));
        process.signal(Signal::USR1);
        let listing: Vec<String> = (0..3).map(|_| process.complaint()).collect();
        for task in ["signals", "sender", "receiver"] {
            assert!(listing.iter().any(|line| line.contains(task)), "{listing:?}");
        }
        process.signal(signal);
        assert_eq!(process.end().code, Some(0));
    }
}

#[test]
fn a_group_that_cannot_be_joined_is_one_line_of_complaint() {
    // 192.0.2.0/24 is nobody's (RFC 5737), and its last address is no machine's. Numbers of interfaces begin at 1.
    for interface in ["192.0.2.255", "2147483647"] {
        let (process, _input) = Process::start_with_input("chat", &["--interface", interface, &group(7)]);
        let ended = process.end();
        assert_eq!((ended.code, ended.stdout.len(), ended.stderr.len()), (Some(1), 0, 1), "{ended:?}");
        let expected = format!("cannot join {} on `{interface}`: there is no such interface", group(7));
        assert!(ended.stderr[0].contains(&expected), "{ended:?}");
    }
}

#[test]
fn an_input_that_cannot_be_read_is_a_failure() {
    let directory = std::fs::File::open(std::env::temp_dir()).unwrap();
    let process = Process::start_reading("chat", &["--interface", "127.0.0.1", "--linger", "0", &group(8)], directory);
    let ended = process.end();
    assert_eq!((ended.code, ended.stderr.len()), (Some(1), 1), "{ended:?}");
    assert!(ended.stderr[0].contains("cannot read the standard input: "), "{ended:?}");
}
