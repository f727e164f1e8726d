//! What a recording holds, what a replay compares, and what becomes of a recording that is full, cut off or corrupt.

mod growing_recorder;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{Ipv4Addr, SocketAddr};

use growing_recorder::{Growing, lines};
use ptk_core::middleware::{Flaw, RecordBuffer, Recorded, RecordedCalls};
use ptk_core::prelude::*;
use ptk_core::{Handle, Readiness, Sink, Until};
use ptk_mock::{Difference, Mock, Replayed};

const LISTENER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7);
const OTHER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8);

/// One call after the other, on whatever platform.
#[derive(Clone, Hash, Debug, Default)]
struct Small {
    pt: Pt,
    listener: TcpListener,
    near: TcpSocket,
    far: TcpSocket,
    buffer: Buffer<16>,
    change: Change,
}

/// What a changed application does otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
enum Change {
    #[default]
    Nothing,
    Address,
    Options,
    Room,
    Length,
    Order,
    More,
    Fewer,
    Deadline,
}

impl<P: Platform> Protothread<P> for Small {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        let address = if self.change == Change::Address { OTHER } else { LISTENER };
        let nodelay = self.change == Change::Options;
        self.listener = cx.listen_with(address, &Options { nodelay, ..Options::DEFAULT })?;
        self.near = wait!(cx.connect(LISTENER))?;
        self.far = wait!(cx.accept(self.listener))?;
        self.buffer.put_slice(if self.change == Change::Length { b"hello!" } else { b"hello" })?;
        wait!(cx.send_all(self.near, &mut self.buffer))?;
        if self.change == Change::Order {
            let _ = cx.peer_address(self.near)?;
        }
        let _ = cx.local_address(self.near)?;
        self.buffer.clear();
        if self.change == Change::Room {
            self.buffer.put_slice(b"x")?;
        }
        wait!(cx.recv(self.far, &mut self.buffer))?;
        let _ = wait!(cx.sleep_until(Instant::from_nanos(if self.change == Change::Deadline { 11 } else { 10 })));
        if self.change == Change::Fewer {
            cx.detach(self.far)?;
        }
        if self.change == Change::More {
            cx.shutdown(self.near, Half::Write)?;
        }
        Ok(())
    }
}

type SmallLoop<P> = EventLoop<P, 1, 4>;

fn play_small<P: Platform>(platform: P, change: Change) -> (SmallLoop<P>, Result<(), Error>) {
    let mut event_loop = SmallLoop::new(0, platform);
    let ran = event_loop.open().and_then(|()| event_loop.run(&mut [Small { change, ..Small::default() }]));
    (event_loop, ran)
}

fn small_recording() -> Vec<u8> {
    let (event_loop, ran) = play_small(Recorded::new(Mock::new(), Growing::default()), Change::Nothing);
    assert_eq!((ran, event_loop.counters().failed_tasks), (Ok(()), 0));
    event_loop.platform().recorder().0.clone()
}

#[test]
fn every_argument_is_compared() {
    let recording = small_recording();
    let differ = |change| {
        let (event_loop, _) = play_small(Replayed::new(&recording[..]).unwrap(), change);
        let difference = event_loop.platform().finish().err()?;
        Some((difference.recorded, difference.called, difference.byte))
    };
    let text = |recorded: &str, called: &str, byte| Some((Some(recorded.into()), Some(called.into()), byte));
    assert_eq!(differ(Change::Nothing), None);
    assert_eq!(
        differ(Change::Address),
        text("open_listener TcpListener 0.0#0 127.0.0.1:7", "open_listener TcpListener 0.0#0 127.0.0.1:8", None)
    );
    let (recorded, called, _) = differ(Change::Options).unwrap();
    assert_eq!(recorded.as_deref(), Some("open_listener TcpListener 0.0#0 127.0.0.1:7"));
    let called = called.unwrap();
    assert!(called.starts_with("open_listener TcpListener 0.0#0 127.0.0.1:7 (Options { nodelay: true, "), "{called}");
    let received = "receive TcpSocket 0.2#0 5 \"hello\" -> 5, Drained (room for 16)";
    assert_eq!(differ(Change::Room), text(received, "receive TcpSocket 0.2#0 (room for 15)", None));
    let sent = "send TcpSocket 0.1#0 5 \"hello\" -> 5";
    assert_eq!(differ(Change::Length), text(sent, "send TcpSocket 0.1#0 6 \"hello!\"", Some(5)));
    let (local, peer) = ("local_address TcpSocket 0.1#0 -> ", "peer_address TcpSocket 0.1#0");
    let (recorded, called, _) = differ(Change::Order).unwrap();
    assert!(recorded.unwrap().starts_with(local));
    assert_eq!(called.as_deref(), Some(peer));
    let until = |nanos| format!("wait until 0.0000000{nanos}s");
    assert_eq!(differ(Change::Deadline), text(&until(10), &until(11), None));
    // The end of a task closes what it has: here nothing is left to shut down, and one thing less to close.
    let close = |socket: &str| format!("close {socket} Graceful");
    let (recorded, called, _) = differ(Change::More).unwrap();
    assert!(recorded.unwrap().starts_with("close "));
    assert_eq!(called.as_deref(), Some("shutdown TcpSocket 0.1#0 Write"));
    assert_eq!(differ(Change::Fewer).unwrap().0, Some(close("TcpSocket 0.2#0")));
}

#[test]
fn an_application_that_ends_early_or_late_differs() {
    let recording = small_recording();
    let mut replayed = Replayed::new(&recording[..]).unwrap();
    replayed.open().unwrap();
    let early = replayed.finish().unwrap_err();
    assert_eq!((early.call, early.called.as_deref(), replayed.difference()), (2, None, None));
    assert!(early.to_string().ends_with("\ncalled:   nothing: the application has ended"), "{early}");

    let mut event_loop = SmallLoop::new(0, Replayed::new(&recording[..]).unwrap());
    event_loop.open().unwrap();
    event_loop.turn(&mut [Small::default()]).unwrap();
    let early = event_loop.platform().finish().unwrap_err();
    assert_eq!((early.call, early.called), (event_loop.platform().calls() + 1, None));

    let (mut event_loop, _) = play_small(Replayed::new(&recording[..]).unwrap(), Change::Nothing);
    let calls = event_loop.platform().calls();
    assert_eq!(event_loop.platform().left(), 0);
    let _ = event_loop.cx().now();
    let late = event_loop.platform().difference().unwrap();
    assert_eq!((late.call, late.recorded.as_deref()), (calls + 1, None));
    let text = "recorded: nothing: the recording ends here\ncalled:   now";
    assert!(late.to_string().ends_with(text), "{late}");
}

/// Notes that it was told anything.
#[derive(Default)]
struct Reports(u32);

impl Sink for Reports {
    fn socket(&mut self, _: Handle, _: Readiness) {
        self.0 += 1;
    }

    fn alarm(&mut self) {
        self.0 += 1;
    }

    fn raised(&mut self) {
        self.0 += 1;
    }
}

#[test]
fn behind_a_difference_nothing_happens_any_more() {
    let recording = small_recording();
    let mut replayed = Replayed::new(&recording[..]).unwrap();
    replayed.open().unwrap();
    let token = Handle::from_raw(2 << 60).unwrap();
    assert_eq!(replayed.open_listener(OTHER, &Options::DEFAULT, token).err(), Some(Error::NotRecorded));
    let first = replayed.difference().unwrap().clone();
    let mut reports = Reports::default();
    assert_eq!(replayed.wait(Until::Event, &mut reports), Err(Error::NotRecorded));
    // Even what was recorded next.
    assert_eq!(replayed.open_listener(LISTENER, &Options::DEFAULT, token).err(), Some(Error::NotRecorded));
    replayed.host_addresses("localhost", &mut |_| panic!("nothing is known"));
    replayed.name_service(&mut |_| panic!("nothing is known"));
    assert_eq!((replayed.now(), replayed.next_deadline(), replayed.take_raised(0)), (Instant::ORIGIN, None, None));
    assert_eq!((reports.0, replayed.difference()), (0, Some(&first)));
}

#[test]
fn a_wait_that_differs_reports_nothing() {
    let (event_loop, _) = play_small(Replayed::new(small_recording()).unwrap(), Change::Nothing);
    assert_eq!(event_loop.counters().wakes, play_small(Mock::new(), Change::Nothing).0.counters().wakes);
    let mut recorded = Recorded::new(Mock::new(), Growing::default());
    recorded.open().unwrap();
    let mut reports = Reports::default();
    recorded.wait(Until::Deadline(Instant::from_nanos(5)), &mut reports).unwrap();
    assert_eq!(reports.0, 1);
    let mut replayed = Replayed::new(&recorded.recorder().0[..]).unwrap();
    replayed.open().unwrap();
    assert_eq!(replayed.wait(Until::Deadline(Instant::from_nanos(6)), &mut reports), Err(Error::NotRecorded));
    assert_eq!(reports.0, 1);
}

#[test]
fn a_clone_goes_on_from_where_it_was_made() {
    let recording = small_recording();
    let set = &mut [Small::default()];
    let mut event_loop = SmallLoop::new(0, Replayed::new(&recording[..]).unwrap());
    event_loop.open().unwrap();
    event_loop.turn(set).unwrap();
    let (mut copy, copied_set) = (event_loop.clone(), &mut set.clone());
    let hash = |event_loop: &SmallLoop<Replayed>, set: &[Small; 1]| {
        let mut hasher = DefaultHasher::new();
        (event_loop, set).hash(&mut hasher);
        hasher.finish()
    };
    let before = hash(&event_loop, set);
    assert_eq!(before, hash(&copy, copied_set));
    event_loop.run(set).unwrap();
    assert_eq!((event_loop.platform().finish(), before), (Ok(()), hash(&copy, copied_set)));
    assert_ne!(before, hash(&event_loop, set));
    copy.run(copied_set).unwrap();
    assert_eq!((copy.platform().finish(), hash(&event_loop, set)), (Ok(()), hash(&copy, copied_set)));
    let (one, other) =
        [recording.len(), bounds(&recording)[9]].map(|end| Replayed::new(&recording[..end]).unwrap()).into();
    assert_ne!(hash(&SmallLoop::new(0, one), set), hash(&SmallLoop::new(0, other), set), "what is to come differs");
}

#[test]
fn a_full_buffer_keeps_the_beginning_and_counts_what_is_lost() {
    let whole = small_recording();
    let records = lines(&whole).len() as u64;
    let (event_loop, ran) = play_small(Recorded::new(Mock::new(), RecordBuffer::<200>::new()), Change::Nothing);
    assert_eq!((ran, event_loop.counters().failed_tasks), (Ok(()), 0), "the application notices nothing");
    let kept = event_loop.platform().recorder().as_bytes();
    assert!(kept.len() > 150 && whole.starts_with(kept), "{}", kept.len());
    let held = lines(kept);
    assert_eq!(event_loop.platform().lost(), records - held.len() as u64);
    let (replayed, ran) = play_small(Replayed::new(kept).unwrap(), Change::Nothing);
    let difference = replayed.platform().difference().unwrap();
    assert_eq!((ran.is_err(), &difference.recorded), (true, &None), "{difference}");
    assert_eq!(replayed.platform().left(), 0);
}

#[test]
fn a_buffer_without_room_for_the_header_holds_nothing() {
    let (event_loop, ran) = play_small(Recorded::new(Mock::new(), RecordBuffer::<8>::new()), Change::Nothing);
    assert_eq!((ran, event_loop.platform().recorder().as_bytes()), (Ok(()), &[][..]));
    assert_eq!(event_loop.platform().lost(), lines(&small_recording()).len() as u64);
    assert_eq!(Replayed::new(&[][..]).unwrap().finish(), Ok(()));
}

#[test]
fn a_recorder_that_fails_is_left_alone() {
    let mut calls = 0;
    let recorder = |_: &[&[u8]]| {
        calls += 1;
        if calls == 3 { Err(Error::OutOfMemory) } else { Ok(()) }
    };
    let (event_loop, ran) = play_small(Recorded::new(Mock::new(), recorder), Change::Nothing);
    assert_eq!(ran, Ok(()));
    let records = lines(&small_recording()).len() as u64;
    assert_eq!(event_loop.platform().lost(), records - 2);
    drop(event_loop);
    assert_eq!(calls, 3);
}

#[test]
fn what_is_cut_off_is_told_and_what_is_in_front_of_it_plays() {
    let recording = small_recording();
    let mut whole = 0;
    for length in 0..recording.len() {
        let Err(error) = Replayed::new(&recording[..length]) else {
            whole += 1;
            continue;
        };
        let expected = if length < 5 { Flaw::Foreign } else { Flaw::Cut };
        assert_eq!(error.flaw, expected, "{length}: {error}");
        let sound = Replayed::new(&recording[..error.offset]).expect("what is in front of it is sound");
        let (replayed, _) = play_small(sound, Change::Nothing);
        let is_over = |difference: &Difference| difference.recorded.is_none();
        assert!(replayed.platform().difference().is_none_or(is_over), "{length}");
        if expected == Flaw::Cut {
            let place = format!("in record {}, at byte {}", error.records + 1, error.offset);
            assert_eq!(error.to_string(), format!("the recording is cut off {place}"));
        }
    }
    assert_eq!(whole, lines(&recording).len() + 1, "no records, the first one, .. all but the last; and a bare header");
}

#[test]
fn every_changed_byte_is_found() {
    let recording = small_recording();
    for place in 0..recording.len() {
        for bit in 0..8 {
            let mut changed = recording.clone();
            changed[place] ^= 1 << bit;
            let error = Replayed::new(changed).err().unwrap_or_else(|| panic!("byte {place}, bit {bit}"));
            let expected: &[Flaw] = match place {
                0..4 => &[Flaw::Foreign],
                4 => &[Flaw::Version(1 ^ (1 << bit))],
                // A length may become one that goes beyond the end.
                _ => &[Flaw::Corrupt, Flaw::Cut],
            };
            assert!(expected.contains(&error.flaw), "byte {place}, bit {bit}: {error}");
            assert!(error.offset <= place, "byte {place}, bit {bit}: {error:?}");
        }
    }
    let other = RecordedCalls::new(b"PTKR\x02").err().unwrap();
    assert_eq!(other.to_string(), "a recording of version 2, and only version 1 can be read");
    assert_eq!(RecordedCalls::new(b"GIF89a").err().unwrap().to_string(), "not a recording");
}

/// Where the records begin, and where the last one ends.
fn bounds(recording: &[u8]) -> Vec<usize> {
    let ends = |length: &usize| Replayed::new(&recording[..*length]).is_ok();
    (5..=recording.len()).filter(ends).collect()
}

#[test]
fn records_that_are_missing_or_there_twice_are_found() {
    let recording = small_recording();
    let bounds = bounds(&recording);
    assert_eq!(bounds.len(), lines(&recording).len() + 1);
    // What is missing at the end is known to the application alone.
    for bound in bounds.windows(2).take(bounds.len() - 2) {
        let (before, record, behind) = (&recording[..bound[0]], &recording[bound[0]..bound[1]], &recording[bound[1]..]);
        for changed in [[before, behind].concat(), [before, record, record, behind].concat()] {
            let flaw = Replayed::new(changed).err().map(|error| error.flaw);
            assert_eq!(flaw, Some(Flaw::Corrupt), "{bound:?}");
        }
    }
}

#[test]
fn random_bytes_behind_a_header_are_no_recording() {
    let mut seed = 1_u64;
    for length in 0..2000 {
        let mut bytes = b"PTKR\x01".to_vec();
        bytes.extend((0..1 + length % 100).map(|_| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 56) as u8
        }));
        assert!(Replayed::new(bytes).is_err());
    }
}
