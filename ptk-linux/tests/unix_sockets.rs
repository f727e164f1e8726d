//! Unix-domain sockets as listeners and connections of the core.
//!
//! What must be closed everywhere is tested in a process of its own: the children of other tests hold copies for a while.

mod harness;

use std::io::{Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::PathBuf;

use harness::{Loop, borrow, event_loop, in_process_of_its_own, turn, until};
use ptk_core::{Duration, Error, Half, Keepalive, Options, TcpSocket};
use ptk_linux::unix::{self, Name};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

/// A path that goes away, and a name that nobody else has.
struct Place(PathBuf);

impl Place {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ptk-{test}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        Place(path)
    }

    fn name(&self) -> Name<'_> {
        Name::from(self.0.to_str().unwrap())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn connections_are_accepted_at_paths_and_at_abstract_names() {
    let place = Place::new("accept");
    let abstract_name = format!("ptk-accept-{}", std::process::id()).into_bytes();
    for name in [place.name(), Name::Abstract(&abstract_name)] {
        let mut event_loop = event_loop();
        let listener = unix::listen(&mut event_loop.cx(), name, &Options::DEFAULT).unwrap();
        let mut peer = match name {
            Name::Path(_) => UnixStream::connect(&place.0).unwrap(),
            Name::Abstract(name) => UnixStream::connect_addr(&SocketAddr::from_abstract_name(name).unwrap()).unwrap(),
        };
        let socket = until(&mut event_loop, |cx| cx.try_accept(listener)).unwrap();
        let mut buffer = [0; 10];
        for _ in 0..50 {
            peer.write_all(b"over").unwrap();
            assert_eq!(until(&mut event_loop, |cx| cx.try_recv(socket, &mut buffer)), Ok(4));
            assert_eq!(event_loop.cx().try_recv(socket, &mut buffer), Err(Error::WouldBlock));
            assert_eq!(until(&mut event_loop, |cx| cx.try_send(socket, b"out")), Ok(3));
            peer.read_exact(&mut buffer[..3]).unwrap();
        }
        event_loop.cx().shutdown(socket, Half::Write).unwrap();
        assert_eq!(peer.read(&mut buffer).unwrap(), 0, "the end");
        drop(peer);
        assert_eq!(until(&mut event_loop, |cx| cx.try_recv(socket, &mut buffer)), Ok(0));
    }
}

#[test]
fn a_connection_is_up_at_once() {
    in_process_of_its_own("a_connection_is_up_at_once", || {
        let place = Place::new("connect");
        let listener = UnixListener::bind(&place.0).unwrap();
        let mut event_loop = event_loop();
        let socket = unix::connect(&mut event_loop.cx(), place.name(), &Options::DEFAULT).unwrap();
        assert_eq!(until(&mut event_loop, |cx| cx.try_send(socket, b"early")), Ok(5));
        let (mut peer, _) = listener.accept().unwrap();
        let mut buffer = [0; 5];
        peer.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"early");
        drop(peer);
        assert_eq!(until(&mut event_loop, |cx| cx.try_recv(socket, &mut [0; 10])), Ok(0));
        assert_eq!(event_loop.cx().try_send(socket, b"x"), Err(Error::ConnectionReset), "and no signal");
    });
}

#[test]
fn a_full_pipe_goes_on_where_it_stopped() {
    let place = Place::new("full");
    let listener = UnixListener::bind(&place.0).unwrap();
    let mut event_loop = event_loop();
    let socket = unix::connect(&mut event_loop.cx(), place.name(), &Options::DEFAULT).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    let data: Vec<u8> = (0..3_000_000_u32).map(|number| (number / 7) as u8).collect();
    let expected = data.clone();
    let reader = std::thread::spawn(move || {
        let mut got = Vec::new();
        peer.read_to_end(&mut got).unwrap();
        got
    });
    let mut sent = 0;
    while sent < data.len() {
        sent += until(&mut event_loop, |cx| cx.try_send(socket, &data[sent..])).unwrap();
    }
    event_loop.cx().close(socket).unwrap();
    assert!(reader.join().unwrap() == expected);
}

/// A receive stops where descriptors came along. Were that taken for the end of what is there, the rest would never be
/// received, because no event announces it.
#[test]
fn descriptors_in_the_stream_hide_nothing_behind_them() {
    let place = Place::new("rights");
    let mut event_loop = event_loop();
    let listener = unix::listen(&mut event_loop.cx(), place.name(), &Options::DEFAULT).unwrap();
    let peer = UnixStream::connect(&place.0).unwrap();
    let accepted = until(&mut event_loop, |cx| cx.try_accept(listener)).unwrap();
    receive_with_rights(&mut event_loop, accepted, peer);

    std::fs::remove_file(&place.0).unwrap();
    let listener = UnixListener::bind(&place.0).unwrap();
    let connected = unix::connect(&mut event_loop.cx(), place.name(), &Options::DEFAULT).unwrap();
    receive_with_rights(&mut event_loop, connected, listener.accept().unwrap().0);
}

fn receive_with_rights(event_loop: &mut Loop, socket: TcpSocket, mut peer: UnixStream) {
    turn(event_loop);
    assert_eq!(event_loop.cx().try_recv(socket, &mut [0; 1]), Err(Error::WouldBlock));
    let mut space = [core::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let passed = [borrow(&peer)];
    assert!(control.push(SendAncillaryMessage::ScmRights(&passed)));
    let data = [rustix::io::IoSlice::new(b"with rights")];
    sendmsg(borrow(&peer), &data, &mut control, SendFlags::empty()).unwrap();
    peer.write_all(b", and behind").unwrap();
    let mut got = Vec::new();
    let mut buffer = [0; 100];
    while got.len() < b"with rights, and behind".len() {
        let count = until(event_loop, |cx| cx.try_recv(socket, &mut buffer)).unwrap();
        got.extend_from_slice(&buffer[..count]);
    }
    assert_eq!(got, b"with rights, and behind");
}

#[test]
fn what_is_the_internets_is_not_supported() {
    let place = Place::new("internet");
    let mut event_loop = event_loop();
    let mut cx = event_loop.cx();
    let listener = unix::listen(&mut cx, place.name(), &Options::DEFAULT).unwrap();
    let socket = unix::connect(&mut cx, place.name(), &Options::DEFAULT).unwrap();
    assert_eq!(cx.local_address(listener), Err(Error::NotSupported));
    assert_eq!(cx.local_address(socket), Err(Error::NotSupported));
    assert_eq!(cx.peer_address(socket), Err(Error::NotSupported));
    assert_eq!(cx.set_nodelay(socket, true), Err(Error::NotSupported));
    let second = Duration::from_secs(1);
    for keepalive in [None, Some(Keepalive { idle: second, interval: second, probes: 1 })] {
        assert_eq!(cx.set_keepalive(socket, keepalive), Err(Error::NotSupported));
    }
    assert_eq!(cx.set_user_timeout(socket, second), Err(Error::NotSupported));
    assert_eq!(cx.set_hop_limit(socket, 1), Err(Error::NotSupported));
    assert_eq!(cx.set_send_buffer(socket, 10_000), Ok(()));
    let options = Options { nodelay: true, ..Options::DEFAULT };
    assert_eq!(unix::connect(&mut cx, place.name(), &options), Err(Error::NotSupported));
}

#[test]
fn a_file_that_was_left_is_in_use_and_refuses() {
    in_process_of_its_own("a_file_that_was_left_is_in_use_and_refuses", || {
        let place = Place::new("stale");
        let mut event_loop = event_loop();
        let mut cx = event_loop.cx();
        assert_eq!(
            unix::connect(&mut cx, place.name(), &Options::DEFAULT),
            Err(Error::ConnectionRefused),
            "nothing is there"
        );
        let listener = unix::listen(&mut cx, place.name(), &Options::DEFAULT).unwrap();
        assert_eq!(
            unix::listen(&mut cx, place.name(), &Options::DEFAULT),
            Err(Error::AddressInUse),
            "somebody listens"
        );
        cx.close(listener).unwrap();
        assert!(place.0.exists(), "the file stays");
        assert_eq!(unix::listen(&mut cx, place.name(), &Options::DEFAULT), Err(Error::AddressInUse), "nobody listens");
        assert_eq!(unix::connect(&mut cx, place.name(), &Options::DEFAULT), Err(Error::ConnectionRefused));
        std::fs::remove_file(&place.0).unwrap();
        assert!(unix::listen(&mut cx, place.name(), &Options::DEFAULT).is_ok());
    });
}

#[test]
fn an_abstract_name_is_free_when_its_listener_is_closed() {
    in_process_of_its_own("an_abstract_name_is_free_when_its_listener_is_closed", || {
        let name = format!("ptk-free-{}", std::process::id()).into_bytes();
        let mut event_loop = event_loop();
        let mut cx = event_loop.cx();
        let listener = unix::listen(&mut cx, Name::Abstract(&name), &Options::DEFAULT).unwrap();
        assert_eq!(unix::listen(&mut cx, Name::Abstract(&name), &Options::DEFAULT), Err(Error::AddressInUse));
        cx.close(listener).unwrap();
        assert!(unix::listen(&mut cx, Name::Abstract(&name), &Options::DEFAULT).is_ok());
    });
}

#[test]
fn a_full_backlog_would_block_and_a_later_try_succeeds() {
    let place = Place::new("backlog");
    let mut event_loop = event_loop();
    let options = Options { backlog: 1, ..Options::DEFAULT };
    let listener = unix::listen(&mut event_loop.cx(), place.name(), &options).unwrap();
    let mut peers = Vec::new();
    let error = loop {
        match unix::connect(&mut event_loop.cx(), place.name(), &Options::DEFAULT) {
            Ok(socket) => peers.push(socket),
            Err(error) => break error,
        }
        assert!(peers.len() < 4, "it never fills");
    };
    assert_eq!(error, Error::WouldBlock);
    until(&mut event_loop, |cx| cx.try_accept(listener)).unwrap();
    assert!(unix::connect(&mut event_loop.cx(), place.name(), &Options::DEFAULT).is_ok());
}

#[test]
fn names_and_places_that_cannot_be_are_refused() {
    let place = Place::new("refused");
    let _datagram = UnixDatagram::bind(&place.0).unwrap();
    let long = format!("/tmp/{}", "x".repeat(200));
    let mut event_loop = event_loop();
    let mut cx = event_loop.cx();
    for name in ["", "/no/such/directory/socket", "/dev/null/socket", "/tmp/a\0b", &long] {
        assert_eq!(unix::listen(&mut cx, name, &Options::DEFAULT), Err(Error::InvalidArgument), "{name:?}");
    }
    assert_eq!(unix::connect(&mut cx, place.name(), &Options::DEFAULT), Err(Error::InvalidArgument), "of another type");
    assert_eq!(cx.last_os_error(), Some(libc::EPROTOTYPE));
    assert_eq!(unix::connect(&mut cx, c"", &Options::DEFAULT), Err(Error::InvalidArgument));
    assert_eq!(unix::connect(&mut cx, Name::Abstract(b""), &Options::DEFAULT), Err(Error::InvalidArgument));
}

#[test]
fn a_file_without_write_permission_is_refused_to_users() {
    in_process_of_its_own("a_file_without_write_permission_is_refused_to_users", || {
        let place = Place::new("permission");
        let _listener = UnixListener::bind(&place.0).unwrap();
        std::fs::set_permissions(&place.0, std::fs::Permissions::from_mode(0o400)).unwrap();
        // The superuser may do everything.
        // SAFETY: no pointers.
        if unsafe { libc::getuid() } == 0 {
            // SAFETY: no pointers.
            assert_eq!(unsafe { libc::setuid(65_534) }, 0);
        }
        let mut event_loop = event_loop();
        let refused = unix::connect(&mut event_loop.cx(), place.name(), &Options::DEFAULT);
        assert_eq!(refused, Err(Error::PermissionDenied));
    });
}
