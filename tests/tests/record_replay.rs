//! A recording of an application on Linux is played back without Linux: same state, same calls, and what was changed is
//! found at its first call.

mod growing_recorder;
mod recorded_application;

use std::ffi::CString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr};
use std::time;

use growing_recorder::{Growing, lines};
use ptk_core::Counters;
use ptk_core::middleware::{Recorded, Recorder};
use ptk_core::prelude::*;
use ptk_linux::{Linux, Port};
use ptk_mock::Replayed;
use recorded_application::{Application, Loop};

/// How often a thread raises each of two sources.
const RAISES: u32 = 20_000;

/// What is left of a run: all that an application can see, and a bit more.
type End = (Application, String, Counters, u64);

fn end<P: Platform>(event_loop: &Loop<P>, application: Application) -> End {
    let mut hasher = DefaultHasher::new();
    application.hash(&mut hasher);
    let mut reports = String::new();
    event_loop.list_tasks(&application, |report| reports.push_str(&format!("{report}\n")));
    (application, reports, event_loop.counters(), hasher.finish())
}

fn assert_same(recorded: &End, replayed: &End) {
    assert_eq!(format!("{:?}", recorded.0), format!("{:?}", replayed.0));
    assert_eq!((&recorded.1, recorded.2, recorded.3), (&replayed.1, replayed.2, replayed.3));
}

/// The platform's part of a run: files with names, in a folder of their own.
fn linux(port: &'static Port<4>) -> Linux<'static> {
    let folder = std::env::temp_dir().join(format!("ptk-recorded-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        let path = CString::new(path.into_os_string().into_encoded_bytes()).unwrap();
        &*Box::leak(path.into_boxed_c_str())
    };
    let mut linux = Linux::with_port(port);
    // Nobody is there who answers.
    let servers = file("resolv.conf", "nameserver 127.0.0.254\nsearch nowhere.example\noptions timeout:1 attempts:1\n");
    linux.set_name_files(servers, file("hosts", "127.0.0.7 here\n::7 here\n127.0.0.8 here\n"));
    linux
}

/// Runs the application on Linux; a thread raises meanwhile, in bursts.
fn record<R: Recorder>(recorder: R) -> (Loop<Recorded<Linux<'static>, R>>, Application) {
    let port: &'static Port<4> = Box::leak(Box::default());
    let mut event_loop = Loop::new(3, Recorded::new(linux(port), recorder));
    event_loop.open().unwrap();
    let mut application = Application::new(&mut event_loop, RAISES);
    let (source, handled) = (application.shared.source, application.shared.handled);
    let raiser = std::thread::spawn(move || {
        for value in 1..=RAISES {
            port.raise(source, value).unwrap();
            port.raise(handled, value).unwrap();
            if value % 500 == 0 {
                std::thread::sleep(time::Duration::from_millis(1));
            }
        }
    });
    event_loop.run(&mut application).unwrap();
    raiser.join().unwrap();
    assert_eq!((event_loop.counters().failed_tasks, event_loop.counters().failed_handlers), (0, 0));
    (event_loop, application)
}

/// Runs the application on a recording.
fn replay<P: Platform>(
    platform: P,
    change: impl FnOnce(&mut Application),
) -> (Loop<P>, Application, Result<(), Error>) {
    let mut event_loop = Loop::new(3, platform);
    event_loop.open().unwrap();
    let mut application = Application::new(&mut event_loop, RAISES);
    change(&mut application);
    let ran = event_loop.run(&mut application);
    (event_loop, application, ran)
}

#[test]
fn a_replay_makes_the_same_calls_and_ends_in_the_same_state() {
    let (recorded, application) = record(Growing::default());
    let recording = recorded.platform().recorder().0.clone();
    let recorded = end(&recorded, application);

    // Recorded again, it must be the same recording.
    let platform = Recorded::new(Replayed::new(&recording[..]).unwrap(), Growing::default());
    let (replayed, application, ran) = replay(platform, |_| {});
    assert_eq!(ran, Ok(()));
    assert_eq!(replayed.platform().inner().finish(), Ok(()));
    assert_eq!((replayed.platform().inner().left(), replayed.platform().lost()), (0, 0));
    assert_eq!(lines(&replayed.platform().recorder().0), lines(&recording));
    assert_eq!(replayed.platform().recorder().0, recording);
    assert_same(&recorded, &end(&replayed, application));
}

#[test]
fn a_recording_holds_what_came_from_everywhere() {
    let (recorded, application) = record(Growing::default());
    let lines = lines(&recorded.platform().recorder().0);
    let count = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
    assert_eq!((count("host_addresses \"here\" 127.0.0.7"), count("host_addresses \"here\" ::7")), (1, 1));
    assert_eq!(count("name_service Search(\"nowhere.example\")"), 1);
    assert_eq!((count("\"how much is it?\" -> 15 from 127.0.0.1:"), count("\"twelve\" -> 6 from 127.0.0.1:")), (5, 5));
    assert_eq!((count("finish_connect TcpSocket 3.1#1 -> connection refused"), count("(os error 111)")), (1, 1));
    assert!(count("entropy 32") == 20 && count("(room for ") >= 40 && count("alarm") > 0, "{lines:#?}");
    // The thread's raises merge, so how many a take gets depends on it alone.
    assert!(!application.counter.raised.is_empty() && !application.shared.told.is_empty());
    let taken = application.counter.raised.iter().chain(&application.shared.told);
    for (count, value) in taken {
        assert!(lines.iter().any(|line| line.ends_with(&format!(" -> {count} x {value}"))), "{count} x {value}");
    }
    let here = application.names.here.unwrap().unwrap();
    assert!(here.contains(&IpAddr::V4(Ipv4Addr::new(127, 0, 0, 8))), "{here:?}");
    assert!(application.names.there.unwrap().is_err());
}

#[test]
fn an_application_that_sends_something_else_stops_there() {
    let (recorded, _) = record(Growing::default());
    let recording = &recorded.platform().recorder().0;
    let (replayed, application, ran) =
        replay(Replayed::new(&recording[..]).unwrap(), |application| application.client.wrong_in_round = Some(7));
    assert_eq!((ran, application.client.rounds), (Err(Error::NotRecorded), 7));
    let difference = replayed.platform().difference().unwrap().clone();
    assert_eq!((difference.byte, replayed.platform().calls()), (Some(5), difference.call - 1));
    let (recorded, called) = (difference.recorded.clone().unwrap(), difference.called.clone().unwrap());
    assert!(recorded.starts_with("send TcpSocket 3.") && recorded.ends_with("\" -> 32"), "{difference}");
    assert!(called.starts_with("send TcpSocket 3.") && called.ends_with('"'), "{difference}");
    let text = difference.to_string();
    assert!(text.starts_with(&format!("call {} is not the one that was recorded\nrecorded: send ", difference.call)));
    assert!(text.ends_with("\nthe data differ from byte 5 on"), "{text}");
    assert_eq!(replayed.platform().finish(), Err(difference));
}
