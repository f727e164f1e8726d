//! Behaviours 33 to 41: datagrams.

use core::cell::{Cell, RefCell};
use core::task::Poll;
use std::net::SocketAddr;

use ptk_core::Handle;
use ptk_core::prelude::*;

use crate::actors::{Letter, Mailbox, Pause, Post, pattern};
use crate::backend::Backend;
use crate::stage::{SILENCE, Stage};

/// The longest datagram over IPv4: 65,535 bytes with the headers of IP and UDP (RFC 791, RFC 768).
const LONGEST_V4: usize = 65_535 - 20 - 8;
/// The longest over IPv6, whose own header does not count (RFC 8200, 3).
const LONGEST_V6: usize = 65_535 - 8;

const REFUSED: Result<Letter, Error> = Err(Error::ConnectionRefused);

/// `count` bytes that are nobody else's.
fn bytes(seed: u8, count: usize) -> Vec<u8> {
    (0..count as u64).map(|at| pattern(seed, at)).collect()
}

fn whole(letters: &[Vec<u8>], from: SocketAddr) -> Vec<Result<Letter, Error>> {
    letters.iter().map(|letter| Ok(Letter::new(letter, from))).collect()
}

/// 33. Send and receive with the source address.
pub(crate) fn a_datagram_comes_whole_and_tells_who_sent_it<B: Backend>() {
    let sizes = [1, 2, 7, 255, 256, 1472, 1473, 9000, 60_000];
    let letters: Vec<_> = sizes.iter().map(|size| bytes(33, *size)).collect();
    let mut stage = Stage::<B>::new();
    for address in [stage.backend.v4(), stage.backend.v6()] {
        let (near, near_address) = stage.udp_at(address, &Options::DEFAULT);
        let (far, far_address) = stage.udp_at(address, &Options::DEFAULT);
        let (third, third_address) = stage.udp_at(address, &Options::DEFAULT);
        assert_ne!(near_address.port(), 0, "the platform has chosen");
        assert!(near_address != far_address && far_address != third_address);
        // One waits before anything is sent, and one comes when it is there.
        for mailbox_first in [true, false] {
            let mut mailbox = Mailbox::of(near, letters.len());
            let mut post = Post::to(far, near_address, &letters);
            if mailbox_first {
                stage.play(&mut [&mut mailbox, &mut post]);
            } else {
                stage.play(&mut [&mut post, &mut mailbox]);
            }
            assert_eq!(mailbox.heard, whole(&letters, far_address));
        }
        // The answer reaches who asked, and nobody else.
        stage.send_to(far, b"from far", near_address);
        stage.send_to(third, b"from third", near_address);
        for question in stage.receive_all(near) {
            let Letter { bytes, from, .. } = question.expect("it came");
            stage.send_to(near, &bytes, from);
        }
        assert_eq!(stage.receive_all(far), [Ok(Letter::new(b"from far", near_address))]);
        assert_eq!(stage.receive_all(third), [Ok(Letter::new(b"from third", near_address))]);
        // A handler is told until it has taken all, one at a time.
        stage.cx().set_handler(near).expect("nobody waits");
        stage.hear(SILENCE);
        for letter in &letters[..3] {
            stage.send_to(far, letter, near_address);
        }
        let (mut heard, mut buffer) = (Vec::new(), [0; 16]);
        let mut pause = Pause::of(SILENCE);
        stage.play_with(&mut [&mut pause], |cx, handle, event| {
            assert_eq!((Some(handle), event), (near.handle(), Event::Readable));
            heard.push(cx.try_recv_from(near, &mut buffer).map(|datagram| Letter::read(datagram, &buffer)));
            Ok(())
        });
        assert_eq!(heard[..3], whole(&letters[..3], far_address));
        assert!(heard[3..].iter().all(|rest| *rest == Err(Error::WouldBlock)), "{:?}", &heard[3..]);
    }
}

/// 34. An empty datagram is delivered.
pub(crate) fn an_empty_datagram_is_delivered<B: Backend>() {
    let mut stage = Stage::<B>::new();
    for address in [stage.backend.v4(), stage.backend.v6()] {
        let (near, near_address) = stage.udp_at(address, &Options::DEFAULT);
        let (far, far_address) = stage.udp_at(address, &Options::DEFAULT);
        let letters = [vec![], b"between".to_vec(), vec![], vec![]];
        for mailbox_first in [true, false] {
            let (mut mailbox, mut post) = (Mailbox::of(near, 4), Post::to(far, near_address, &letters));
            if mailbox_first {
                stage.play(&mut [&mut mailbox, &mut post]);
            } else {
                stage.play(&mut [&mut post, &mut mailbox]);
            }
            assert_eq!(mailbox.heard, whole(&letters, far_address));
        }
        // It is no end of anything: more comes, and a handler hears of nothing else.
        stage.cx().set_handler(near).expect("nobody waits");
        stage.hear(SILENCE);
        stage.cx().connect_udp(far, near_address).expect("nothing is exchanged");
        for letter in &letters {
            assert_eq!(stage.cx().try_send_datagram(far, letter), Ok(()));
        }
        let (mut heard, mut events) = (Vec::new(), Vec::new());
        let mut pause = Pause::of(SILENCE);
        stage.play_with(&mut [&mut pause], |cx, _, event| {
            events.push(event);
            let mut buffer = [0; 16];
            while let Ok(datagram) = cx.try_recv_from(near, &mut buffer) {
                heard.push(Ok(Letter::read(datagram, &buffer)));
            }
            Ok(())
        });
        assert_eq!(heard, whole(&letters, far_address));
        assert!(events.iter().all(|event| *event == Event::Readable), "{events:?}");
        // A receive with no room at all takes one all the same.
        stage.send_to(far, b"", near_address);
        stage.send_to(far, b"x", near_address);
        stage.cx().remove_handler(near).expect("it has one");
        stage.idle(SILENCE);
        let taken = |truncated| Ok(Datagram { count: 0, from: far_address, truncated });
        assert_eq!(stage.cx().try_recv_from(near, &mut []), taken(false));
        assert_eq!(stage.cx().try_recv_from(near, &mut []), taken(true));
        assert_eq!(stage.cx().try_recv_from(near, &mut []), Err(Error::WouldBlock));
    }
}

/// Receives one datagram behind what is in a buffer of four bytes.
struct Narrow {
    pt: Pt,
    socket: UdpSocket,
    buffer: Buffer<4>,
    received: Option<Result<Datagram, Error>>,
}

impl Narrow {
    fn new(socket: UdpSocket, filled: usize) -> Self {
        let mut buffer = Buffer::new();
        buffer.put_slice(&b"full"[..filled]).expect("it has room");
        Narrow { pt: Pt::new(), socket, buffer, received: None }
    }
}

impl<P: Platform> Protothread<P> for Narrow {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) {
        self.received = Some(wait!(cx.recv_from(self.socket, &mut self.buffer)));
    }
}

/// 35. Truncation is flagged.
pub(crate) fn what_does_not_fit_is_lost_and_flagged<B: Backend>() {
    let mut stage = Stage::<B>::new();
    for address in [stage.backend.v4(), stage.backend.v6()] {
        let (near, near_address) = stage.udp_at(address, &Options::DEFAULT);
        let (far, far_address) = stage.udp_at(address, &Options::DEFAULT);
        // In each pair the second is what comes next: no rest of the first.
        for (size, room) in [(3, 4), (4, 4), (5, 4), (100, 4), (60_000, 4), (1, 1), (2, 1)] {
            let (sent, filled) = (bytes(1, size), 4 - room);
            stage.send_to(far, &sent, near_address);
            stage.send_to(far, b"next", near_address);
            let (mut first, mut next) = (Narrow::new(near, filled), Narrow::new(near, 0));
            stage.play(&mut [&mut first]);
            stage.play(&mut [&mut next]);
            let count = size.min(room);
            let expected = Datagram { count, from: far_address, truncated: size > room };
            assert_eq!(first.received, Some(Ok(expected)), "{size} bytes into {room}");
            assert_eq!(first.buffer.readable(), [&b"full"[..filled], &sent[..count]].concat());
            assert_eq!(next.received, Some(Ok(Datagram { count: 4, from: far_address, truncated: false })));
            assert_eq!(next.buffer.readable(), b"next");
            // The same without waiting.
            stage.send_to(far, &sent, near_address);
            stage.idle(SILENCE);
            let mut buffer = vec![0; room];
            assert_eq!(stage.cx().try_recv_from(near, &mut buffer), Ok(expected));
            assert_eq!(buffer[..count], sent[..count]);
        }
        // A buffer that is full loses nothing.
        stage.send_to(far, b"patience", near_address);
        let mut full = Narrow::new(near, 4);
        stage.play(&mut [&mut full]);
        assert_eq!(full.received, Some(Err(Error::BufferFull)));
        assert_eq!(stage.receive_all(near), [Ok(Letter::new(b"patience", far_address))]);
    }
}

/// 36. Oversize send: `MessageTooLarge`.
pub(crate) fn an_oversize_datagram_is_refused<B: Backend>() {
    const REFUSED: Result<(), Error> = Err(Error::MessageTooLarge);
    let mut stage = Stage::<B>::new();
    for (address, longest) in [(stage.backend.v4(), LONGEST_V4), (stage.backend.v6(), LONGEST_V6)] {
        let (near, near_address) = stage.udp_at(address, &Options::DEFAULT);
        let (far, far_address) = stage.udp_at(address, &Options::DEFAULT);
        let letters = [bytes(1, longest), bytes(2, longest + 1), bytes(3, 200_000), bytes(4, 10)];
        let expected = [Ok(()), REFUSED, REFUSED, Ok(())];
        let (mut mailbox, mut post) = (Mailbox::of(near, 2), Post::to(far, near_address, &letters));
        stage.play(&mut [&mut mailbox, &mut post]);
        assert_eq!(post.results, expected);
        let arrived = [letters[0].clone(), letters[3].clone()];
        assert_eq!(mailbox.heard, whole(&arrived, far_address), "nothing of the others");
        stage.cx().connect_udp(far, near_address).expect("nothing is exchanged");
        let (mut mailbox, mut post) = (Mailbox::of(near, 2), Post::to_the_peer(far, &letters));
        stage.play(&mut [&mut mailbox, &mut post]);
        assert_eq!((post.results, mailbox.heard), (expected.to_vec(), whole(&arrived, far_address)));
        assert_eq!(stage.cx().try_send_to(far, &letters[1], near_address), REFUSED);
        assert_eq!(stage.cx().try_send_datagram(far, &letters[1]), REFUSED);
        assert_eq!(stage.event_loop.last_error(), Some(Error::MessageTooLarge));
        assert_eq!(stage.receive_all(near), []);
    }
}

/// A socket that is connected to an address at which there is nobody.
fn connected_to_nobody<B: Backend>(stage: &mut Stage<B>, address: SocketAddr) -> (UdpSocket, SocketAddr) {
    let (socket, _) = stage.udp_at(address, &Options::DEFAULT);
    let (gone, nobody) = stage.udp_at(address, &Options::DEFAULT);
    stage.cx().close(gone).expect("it is open");
    stage.cx().connect_udp(socket, nobody).expect("nothing is exchanged");
    (socket, nobody)
}

/// 37. A refusal from the network is reported, the socket stays usable.
pub(crate) fn a_refusal_is_told_once_and_the_socket_goes_on<B: Backend>() {
    let mut stage = Stage::<B>::new();
    for address in [stage.backend.v4(), stage.backend.v6()] {
        let (near, nobody) = connected_to_nobody(&mut stage, address);
        let near_address = stage.cx().local_address(near).expect("it is open");
        // Who waits to receive is told, and whoever comes later is not told again.
        let (mut mailbox, mut post) = (Mailbox::of(near, 1), Post::to_the_peer(near, &["anybody?"]));
        stage.play(&mut [&mut mailbox, &mut post]);
        assert_eq!((mailbox.heard, post.results), (vec![REFUSED], vec![Ok(())]));
        assert_eq!(stage.receive_all(near), []);
        // A receive without waiting.
        assert_eq!(stage.cx().try_send_datagram(near, b"anybody?"), Ok(()));
        assert_eq!(stage.receive_all(near), [REFUSED]);
        assert_eq!(stage.event_loop.last_error(), Some(Error::ConnectionRefused));
        // A send, and then no receive.
        assert_eq!(stage.cx().try_send_datagram(near, b"anybody?"), Ok(()));
        stage.idle(SILENCE);
        assert_eq!(stage.cx().try_send_datagram(near, b"anybody?"), Err(Error::ConnectionRefused));
        assert_eq!(stage.receive_all(near), []);
        // A handler is told that there is something to receive, and of no end.
        stage.cx().set_handler(near).expect("nobody waits");
        stage.hear(SILENCE);
        assert_eq!(stage.cx().try_send_datagram(near, b"anybody?"), Ok(()));
        let heard = RefCell::new(Vec::new());
        let mut pause = Pause::of(SILENCE);
        stage.play_with(&mut [&mut pause], |cx, handle, event| {
            assert_eq!((Some(handle), event), (near.handle(), Event::Readable));
            heard.borrow_mut().push(cx.try_recv_from(near, &mut [0; 8]));
            Ok(())
        });
        let heard = heard.into_inner();
        assert_eq!(heard.first(), Some(&Err(Error::ConnectionRefused)));
        assert!(heard[1..].iter().all(|rest| *rest == Err(Error::WouldBlock)), "{heard:?}");
        stage.cx().remove_handler(near).expect("it has one");
        // Nobody waits for ever, and the loop does not spin, if nobody takes it.
        assert_eq!(stage.cx().try_send_datagram(near, b"anybody?"), Ok(()));
        let turns = stage.idle(SILENCE);
        assert!(turns < 20, "{turns} turns in which nothing happened");
        assert_eq!(stage.receive_all(near), [REFUSED]);
        // Now somebody is there, and all is well.
        let (far, _) = stage.udp_at(nobody, &Options::DEFAULT);
        let (mut mailbox, mut post) = (Mailbox::of(far, 2), Post::to_the_peer(near, &["one", "two"]));
        stage.play(&mut [&mut mailbox, &mut post]);
        assert_eq!(mailbox.heard, whole(&[b"one".to_vec(), b"two".to_vec()], near_address));
        let (mut mailbox, mut post) = (Mailbox::of(near, 1), Post::to(far, near_address, &["well"]));
        stage.play(&mut [&mut mailbox, &mut post]);
        assert_eq!(mailbox.heard, whole(&[b"well".to_vec()], nobody));
        // What had arrived before the refusal is not lost with it.
        stage.send_to(far, b"kept", near_address);
        stage.cx().close(far).expect("it is open");
        assert_eq!(stage.cx().try_send_datagram(near, b"gone?"), Ok(()));
        let mut all = stage.receive_all(near);
        all.sort_by_key(Result::is_ok);
        assert_eq!(all, [REFUSED, Ok(Letter::new(b"kept", nobody))]);
    }
}

/// 38. An unreachable peer does not kill an unconnected socket.
pub(crate) fn an_unreachable_peer_does_not_hurt_an_unconnected_socket<B: Backend>() {
    let mut stage = Stage::<B>::new();
    for address in [stage.backend.v4(), stage.backend.v6()] {
        let (near, near_address) = stage.udp_at(address, &Options::DEFAULT);
        let (far, far_address) = stage.udp_at(address, &Options::DEFAULT);
        let (gone, nobody) = stage.udp_at(address, &Options::DEFAULT);
        stage.cx().close(gone).expect("it is open");
        for _ in 0..5 {
            let mut post = Post::to(near, nobody, &["anybody?"; 3]);
            stage.play(&mut [&mut post]);
            assert_eq!(post.results, [Ok(()); 3]);
            assert_eq!(stage.receive_all(near), [], "it is no word to others");
            // Both directions still work.
            stage.send_to(near, b"question", far_address);
            stage.send_to(far, b"answer", near_address);
            assert_eq!(stage.receive_all(far), [Ok(Letter::new(b"question", near_address))]);
            assert_eq!(stage.receive_all(near), [Ok(Letter::new(b"answer", far_address))]);
        }
        // Somebody who waits goes on waiting, and is served.
        let mut mailbox = Mailbox::of(near, 1);
        let (mut lost, mut pause) = (Post::to(near, nobody, &["anybody?"]), Pause::of(SILENCE));
        let mut post = Late { pt: Pt::new(), pause: &mut pause, post: Post::to(far, near_address, &["answer"]) };
        stage.play(&mut [&mut mailbox, &mut lost, &mut post]);
        assert_eq!(mailbox.heard, [Ok(Letter::new(b"answer", far_address))]);
        // Nor does a peer that cannot be sent to at all.
        let other_family = if address.is_ipv4() { stage.backend.v6() } else { stage.backend.v4() };
        for wrong in [SocketAddr::new(other_family.ip(), 9), SocketAddr::new(far_address.ip(), 0)] {
            assert_eq!(stage.cx().try_send_to(near, b"x", wrong), Err(Error::InvalidArgument), "{wrong}");
        }
        stage.send_to(near, b"question", far_address);
        assert_eq!(stage.receive_all(far), [Ok(Letter::new(b"question", near_address))]);
    }
}

/// Sends after a pause.
struct Late<'a> {
    pt: Pt,
    pause: &'a mut Pause,
    post: Post,
}

impl<P: Platform> Protothread<P> for Late<'_> {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut ()) -> Result<(), Error> {
        wait!(self.pause.run(cx, shared));
        wait!(self.post.run(cx, shared))
    }
}

/// 39. A burst of N is delivered, then `WouldBlock`.
pub(crate) fn a_burst_is_delivered_and_then_nothing_is_left<B: Backend>() {
    const COUNT: u32 = 100;
    let letters: Vec<Vec<u8>> = (0..COUNT).map(|number| number.to_be_bytes().to_vec()).collect();
    let mut stage = Stage::<B>::new();
    let (near, near_address) = stage.udp();
    let (far, far_address) = stage.udp();
    let burst = |stage: &mut Stage<B>| letters.iter().for_each(|letter| stage.send_to(far, letter, near_address));
    // Without waiting.
    burst(&mut stage);
    assert_eq!(stage.receive_all(near), whole(&letters, far_address));
    assert_eq!(stage.cx().try_recv_from(near, &mut [0; 8]), Err(Error::WouldBlock));
    // A protothread, and one more datagram that comes later.
    burst(&mut stage);
    let mut mailbox = Mailbox::of(near, letters.len());
    stage.play(&mut [&mut mailbox]);
    assert_eq!(mailbox.heard, whole(&letters, far_address));
    let (mut mailbox, mut post) = (Mailbox::of(near, 1), Post::to(far, near_address, &["later"]));
    stage.play(&mut [&mut mailbox, &mut post]);
    assert_eq!(mailbox.heard, [Ok(Letter::new(b"later", far_address))]);
    // A handler, one at a time and as many as it gets.
    for most in [1, usize::MAX] {
        burst(&mut stage);
        stage.cx().set_handler(near).expect("nobody waits");
        let (mut heard, mut buffer) = (Vec::new(), [0; 8]);
        stage.handle(|cx, _, event| {
            if event != Event::Readable {
                return Ok(());
            }
            for _ in 0..most {
                match cx.try_recv_from(near, &mut buffer) {
                    Ok(datagram) => heard.push(Ok(Letter::read(datagram, &buffer))),
                    Err(error) => {
                        assert_eq!(error, Error::WouldBlock);
                        break;
                    }
                }
            }
            if heard.len() == letters.len() {
                cx.stop();
            }
            Ok(())
        });
        assert_eq!(heard, whole(&letters, far_address), "{most} at a time");
        assert_eq!(stage.cx().try_recv_from(near, &mut buffer), Err(Error::WouldBlock));
        stage.hear(SILENCE);
        stage.idle(SILENCE);
        stage.cx().remove_handler(near).expect("it has one");
    }
    // More than fits: some are lost, none is twice, and none overtakes another.
    let small = Options { receive_buffer: 4096, ..Options::DEFAULT };
    let address = stage.backend.v4();
    let (narrow, narrow_address) = stage.udp_at(address, &small);
    for number in 0..2000_u32 {
        // A sender without room is no receiver without room.
        while stage.cx().try_send_to(far, &[&number.to_be_bytes()[..], &[0; 500]].concat(), narrow_address).is_err() {
            stage.idle(Duration::from_millis(1));
        }
    }
    let numbers: Vec<Vec<u8>> =
        stage.receive_all(narrow).into_iter().map(|letter| letter.expect("it came").bytes[..4].to_vec()).collect();
    assert!(!numbers.is_empty() && numbers.len() < 2000, "{}", numbers.len());
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
    stage.send_to(far, b"once more", narrow_address);
    assert_eq!(stage.receive_all(narrow), [Ok(Letter::new(b"once more", far_address))]);
}

/// 40. A connected socket filters other peers.
pub(crate) fn a_connected_socket_hears_its_peer_only<B: Backend>() {
    let mut stage = Stage::<B>::new();
    for address in [stage.backend.v4(), stage.backend.v6()] {
        let (near, near_address) = stage.udp_at(address, &Options::DEFAULT);
        let (far, far_address) = stage.udp_at(address, &Options::DEFAULT);
        let (third, third_address) = stage.udp_at(address, &Options::DEFAULT);
        assert_eq!(stage.cx().peer_address(near), Err(Error::NotConnected));
        assert_eq!(stage.cx().try_send_datagram(near, b"to whom?"), Err(Error::NotConnected));
        assert_eq!(stage.cx().connect_udp(near, far_address), Ok(()));
        assert_eq!(stage.cx().peer_address(near), Ok(far_address));
        assert_eq!(stage.cx().local_address(near), Ok(near_address));
        stage.send_to(third, b"not for you", near_address);
        stage.send_to(far, b"for you", near_address);
        assert_eq!(stage.receive_all(near), [Ok(Letter::new(b"for you", far_address))]);
        // And sends to it; others are not sent to by mistake.
        let mut post = Post::to_the_peer(near, &["hello", ""]);
        stage.play(&mut [&mut post]);
        assert_eq!(post.results, [Ok(()); 2]);
        assert_eq!(stage.receive_all(far), whole(&[b"hello".to_vec(), vec![]], near_address));
        assert_eq!(stage.receive_all(third), []);
        // Naming another one is allowed or refused, and changes nothing.
        match stage.cx().try_send_to(near, b"beside", third_address) {
            Ok(()) => assert_eq!(stage.receive_all(third), [Ok(Letter::new(b"beside", near_address))]),
            refused => assert_eq!(refused, Err(Error::AlreadyConnected)),
        }
        assert_eq!(stage.cx().peer_address(near), Ok(far_address));
        // Another peer, by connecting again.
        assert_eq!(stage.cx().connect_udp(near, third_address), Ok(()));
        stage.send_to(third, b"for you", near_address);
        stage.send_to(far, b"not for you", near_address);
        assert_eq!(stage.receive_all(near), [Ok(Letter::new(b"for you", third_address))]);
        // Nobody any more: the socket is what it was before, and where.
        assert_eq!(stage.cx().disconnect_udp(near), Ok(()));
        assert_eq!(stage.cx().peer_address(near), Err(Error::NotConnected));
        assert_eq!(stage.cx().local_address(near), Ok(near_address));
        assert_eq!(stage.cx().try_send_datagram(near, b"to whom?"), Err(Error::NotConnected));
        for (socket, from) in [(far, far_address), (third, third_address)] {
            stage.send_to(socket, b"hello", near_address);
            assert_eq!(stage.receive_all(near), [Ok(Letter::new(b"hello", from))]);
        }
        let other_family = if address.is_ipv4() { stage.backend.v6() } else { stage.backend.v4() };
        let wrong = SocketAddr::new(other_family.ip(), 9);
        assert_eq!(stage.cx().connect_udp(near, wrong), Err(Error::InvalidArgument));
        assert_eq!(stage.cx().peer_address(near), Err(Error::NotConnected));
    }
}

/// 41. Close inside a receive callback is safe.
pub(crate) fn a_close_inside_a_receive_callback_is_safe<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let open = stage.open_sockets();
    let (sender, sender_address) = stage.udp();
    let sockets = [(); 3].map(|()| stage.udp());
    for (socket, address) in sockets {
        stage.cx().set_handler(socket).expect("nobody waits");
        for _ in 0..3 {
            stage.send_to(sender, b"data", address);
        }
    }
    // The first to be told closes itself and the second, and a new one takes a place: with data behind and beside it,
    // only the third hears more.
    let (fresh, told) = (Cell::new(UdpSocket::NONE), RefCell::new(Vec::<(Handle, Event)>::new()));
    let mut pause = Pause::of(SILENCE);
    stage.play_with(&mut [&mut pause], |cx, handle, event| {
        let socket = UdpSocket::from_handle(handle).expect("there is no other kind");
        assert!(cx.is_valid(handle), "{handle} was closed, and hears of {event:?}");
        if event == Event::Readable && told.borrow().iter().all(|(_, event)| *event != Event::Readable) {
            cx.try_recv_from(socket, &mut [0; 8])?;
            let other = sockets.iter().map(|(other, _)| *other).find(|other| *other != socket).expect("there are 3");
            cx.close(socket)?;
            assert_eq!(cx.try_recv_from(socket, &mut [0; 8]), Err(Error::InvalidHandle));
            assert_eq!(cx.try_send_to(socket, b"x", sender_address), Err(Error::InvalidHandle));
            assert_eq!(cx.close(socket), Err(Error::InvalidHandle));
            cx.close(other)?;
            fresh.set(cx.udp_socket(SocketAddr::new(sender_address.ip(), 0))?);
            cx.set_handler(fresh.get())?;
        } else if event == Event::Readable {
            cx.try_recv_from(socket, &mut [0; 8]).map(|_| ()).or_else(|error| match error {
                Error::WouldBlock => Ok(()),
                error => Err(error),
            })?;
        }
        told.borrow_mut().push((handle, event));
        Ok(())
    });
    let (fresh, told) = (fresh.get(), told.into_inner());
    assert_eq!(stage.event_loop.counters().failed_handlers, 0);
    let of_fresh: Vec<_> = told.iter().filter(|(handle, _)| Some(*handle) == fresh.handle()).collect();
    assert!(of_fresh.iter().all(|(_, event)| *event == Event::Writable), "nobody sent to it: {of_fresh:?}");
    let survivors: Vec<_> = sockets.iter().filter(|(socket, _)| stage.cx().local_address(*socket).is_ok()).collect();
    assert_eq!((survivors.len(), stage.open_sockets()), (1, open + 3));
    let (third, _) = survivors[0];
    let readable = told.iter().filter(|told| **told == (third.handle().expect("it is open"), Event::Readable)).count();
    assert!(readable >= 3, "{told:?}");
    assert_eq!(stage.cx().try_recv_from(*third, &mut [0; 8]), Err(Error::WouldBlock));

    // Who waits for a datagram is told that the socket is gone.
    let mut mailbox = Mailbox::of(sender, 1);
    let mut closer = Closer { pt: Pt::new(), socket: sender };
    stage.play(&mut [&mut mailbox, &mut closer]);
    assert_eq!(mailbox.heard, [Err(Error::InvalidHandle)]);
    assert_eq!(stage.cx().recv_from(sender, &mut Buffer::<4>::new()), Poll::Ready(Err(Error::InvalidHandle)));
}

/// Closes a socket when others have begun to wait.
struct Closer {
    pt: Pt,
    socket: UdpSocket,
}

impl<P: Platform> Protothread<P> for Closer {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        yield_now!();
        cx.close(self.socket)
    }
}
