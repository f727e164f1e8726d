//! The world is data: it can be copied, compared and run again.

mod harness;

use harness::*;
use ptk_core::{
    Close, Error, EventSource, Half, Handle, Interface, Kind, Membership, Options, Platform, Reuse, SocketOption,
    TypedHandle, Until,
};
use ptk_mock::{Mock, Socket};

/// A fixed sequence of numbers that look arbitrary.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: u64) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n) as usize
    }
}

/// Makes arbitrary calls on up to eight sockets, and writes down all answers.
fn play(mock: &mut Mock, seed: u64, steps: usize) -> Vec<String> {
    let (mut numbers, mut answers, mut sockets) = (Numbers(seed), Vec::new(), Vec::<Socket>::new());
    let (mut listener, address) = listen(mock, &Options { backlog: 2, ..buffers(40, 30) });
    for step in 0..steps {
        let new = token(100 + step as u32);
        let choice = numbers.below(16);
        let index = numbers.below(8);
        let answer = match (choice, sockets.get_mut(index)) {
            (0, None) => mock.open_stream(address, &buffers(20, 10), new).map(|socket| sockets.push(socket)).err(),
            (1, None) => mock.accept(&mut listener, &Options::DEFAULT, new).map(|socket| sockets.push(socket)).err(),
            (2 | 3, Some(socket)) => {
                let sent = mock.send(socket, &vec![step as u8; 1 + numbers.below(60)]);
                answers.push(format!("{sent:?}"));
                sent.err()
            }
            (4 | 5, Some(socket)) => {
                let received = receive_up_to(mock, socket, 1 + numbers.below(60));
                answers.push(format!("{received:?}"));
                received.err()
            }
            (6, Some(socket)) => mock.finish_connect(socket).err(),
            (7, Some(socket)) => mock.shutdown(socket, [Half::Read, Half::Write, Half::Both][numbers.below(3)]).err(),
            (10 | 11, None) => {
                let address = at(["127.0.0.1:5000", "0.0.0.0:5000", "127.0.0.1:0"][numbers.below(3)]);
                let options = reuse([Reuse::Address, Reuse::Port][numbers.below(2)]);
                mock.open_datagram(address, &options, new).map(|socket| sockets.push(socket)).err()
            }
            (10 | 11, Some(socket)) => {
                let peer = [None, Some(at("127.0.0.1:5000")), Some(at("127.0.0.1:9"))][numbers.below(3)];
                mock.send_to(socket, &vec![step as u8; numbers.below(60)], peer).err()
            }
            (12 | 13, Some(socket)) => {
                let received = mock.receive_from(socket, &mut vec![0; numbers.below(60)]);
                answers.push(format!("{received:?}"));
                received.err()
            }
            (14, Some(socket)) => {
                let peer = [None, Some(at("127.0.0.1:5000")), Some(at("127.0.0.1:9"))][numbers.below(3)];
                mock.connect_datagram(socket, peer).err()
            }
            (15, Some(socket)) => {
                let group = std::net::Ipv4Addr::new(239, 0, 0, numbers.below(3) as u8).into();
                let membership = Membership { group, interface: Interface::Any };
                let option = [SocketOption::Join(membership), SocketOption::Leave(membership)][numbers.below(2)];
                mock.set_option(socket, option).err()
            }
            (8, Some(_)) => {
                let how = if numbers.below(2) == 0 { Close::Graceful } else { Close::Abort };
                mock.close(sockets.swap_remove(index), how);
                None
            }
            _ => {
                let reports = wait(mock, Until::Event);
                answers.push(format!("{reports:?}"));
                None
            }
        };
        answers.push(format!("{answer:?}"));
    }
    for socket in sockets {
        mock.close(socket, Close::Abort);
    }
    mock.close(listener, Close::Graceful);
    answers
}

#[test]
fn the_same_script_gives_the_same_hash() {
    for seed in 0..50 {
        let (mut one, mut other) = (open(), open());
        assert_eq!(play(&mut one, seed, 300), play(&mut other, seed, 300));
        assert_eq!(hash(&one), hash(&other));
    }
}

#[test]
fn a_cloned_world_goes_its_own_way() {
    let mut mock = open();
    let (mut near, mut far) = ends(&mut mock);
    send(&mut mock, &mut near, b"common");
    let mut other = mock.clone();
    let (mut other_near, mut other_far) = (near.clone(), far.clone());
    assert_eq!(hash(&mock), hash(&other));

    send(&mut mock, &mut near, b" here");
    assert_ne!(hash(&mock), hash(&other));
    send(&mut other, &mut other_near, b" there");
    assert_eq!(receive(&mut mock, &mut far), Ok(b"common here".to_vec()));
    assert_eq!(receive(&mut other, &mut other_far), Ok(b"common there".to_vec()));
    assert_eq!(poll(&mut mock), []);
    assert_eq!(hash(&mock), {
        poll(&mut other);
        hash(&other)
    });
}

#[test]
fn a_clone_taken_in_the_middle_plays_the_same_end() {
    for seed in 0..50 {
        let mut mock = open();
        play(&mut mock, seed, 100);
        let mut clone = mock.clone();
        assert_eq!(play(&mut mock, seed + 1, 200), play(&mut clone, seed + 1, 200));
        assert_eq!(hash(&mock), hash(&clone));
    }
}

#[test]
fn the_payload_and_the_time_are_part_of_the_state() {
    let mut mock = open();
    let (near, _far) = ends(&mut mock);
    let after = |data: &[u8], millis| {
        let (mut world, mut near) = (mock.clone(), near.clone());
        send(&mut world, &mut near, data);
        world.advance(ptk_core::Duration::from_millis(millis));
        hash(&world)
    };
    assert_eq!(after(b"a", 1), after(b"a", 1));
    assert_ne!(after(b"a", 1), after(b"b", 1));
    assert_ne!(after(b"a", 1), after(b"a", 2));
}

#[test]
fn datagrams_in_flight_and_what_the_network_said_are_part_of_the_state() {
    let mut mock = open();
    let (mut socket, address) = datagram(&mut mock, "127.0.0.1:0", 1);
    assert_eq!(mock.connect_datagram(&mut socket, Some(address)), Ok(()));
    let after = |data: &[u8], target: &str| {
        let (mut world, mut socket) = (mock.clone(), socket.clone());
        assert_eq!(world.connect_datagram(&mut socket, Some(at(target))), Ok(()));
        assert_eq!(world.send_to(&mut socket, data, None), Ok(()));
        assert_eq!(world.connect_datagram(&mut socket, Some(address)), Ok(()));
        hash(&world)
    };
    let itself = address.to_string();
    assert_eq!(after(b"a", &itself), after(b"a", &itself));
    assert_ne!(after(b"a", &itself), after(b"b", &itself));
    assert_ne!(after(b"", &itself), hash(&mock));
    assert_ne!(after(b"a", "127.0.0.1:9"), hash(&mock));
}

#[test]
fn when_all_is_closed_nothing_is_left_over() {
    for seed in 0..200 {
        let mut mock = open();
        play(&mut mock, seed, 300);
        assert_eq!(mock.open_sockets(), 0);
        let text = format!("{mock:?}");
        for empty in ["listeners: Slab { entries: [], free: {} }", "streams: Slab { entries: [], free: {} }"] {
            assert!(text.contains(empty), "seed {seed}: {text}");
        }
        for empty in [
            "endpoints: Slab { entries: [], free: {} }",
            "endpoints: {}",
            "users: {}",
            "agenda: Agenda([])",
            "ready: ReadyQueue([])",
        ] {
            assert!(text.contains(empty), "seed {seed}: {text}");
        }
        assert_eq!(wait(&mut mock, Until::Event), Err(Error::Deadlock), "seed {seed}");
    }
}

/// Opens source 0 of the mock's port for loop 5, as the core does.
fn source(mock: &Mock) -> EventSource {
    let port = mock.port().expect("the mock has one");
    port.attach(5).expect("no loop is attached");
    let generation = port.open(0).expect("the source is closed");
    let bits = (Kind::EventSource as u64) << 60 | 5 << 52 | u64::from(generation);
    Handle::from_raw(bits).and_then(EventSource::from_handle).expect("the kind fits")
}

#[test]
fn a_raise_is_reported_once_and_no_time_passes() {
    let mut mock = open();
    let source = source(&mock);
    assert_eq!(mock.raise(source, 7), Ok(()));
    assert_eq!(mock.raise(source, 8), Ok(()));
    assert_eq!(wait(&mut mock, Until::Event), Ok(vec![Report::Raised]));
    let raised = mock.port().and_then(|port| port.take(0)).expect("it was raised");
    assert_eq!((raised.count, raised.value), (2, 8));
    assert_eq!(wait(&mut mock, Until::Event), Err(Error::Deadlock));
}

#[test]
fn a_cloned_world_clones_its_raised_events() {
    let mut mock = open();
    let source = source(&mock);
    let quiet = hash(&mock);
    assert_eq!(mock.raise(source, 7), Ok(()));
    assert_ne!(hash(&mock), quiet);
    let mut clone = mock.clone();
    for world in [&mut mock, &mut clone] {
        assert_eq!(wait(world, Until::Event), Ok(vec![Report::Raised]));
        assert!(world.port().and_then(|port| port.take(0)).is_some());
    }
}
