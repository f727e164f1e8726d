//! Behaviour 42: broadcast and multicast.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ptk_core::prelude::*;
use ptk_core::{Interface, Reuse};

use crate::actors::{Letter, Mailbox, Post};
use crate::backend::{Backend, Network};
use crate::stage::Stage;

const SHARED: Options = Options { reuse: Reuse::Address, ..Options::DEFAULT };

/// 42. Broadcast only when enabled; multicast join, leave, TTL and loopback do what they say.
pub(crate) fn broadcast_and_multicast_do_what_they_say<B: Backend>() {
    B::networked("broadcast_and_multicast_do_what_they_say", |networks| {
        let mut stage = Stage::<B>::new();
        let network = networks[0];
        broadcasts_are_sent_by_those_who_may(&mut stage, network);
        let (v4, v6) = (Group::v4(network), Group::v6(network));
        for group in [v4, v6] {
            members_hear_and_others_do_not(&mut stage, group);
            groups_that_are_none_are_refused(&mut stage, group);
            a_sender_says_how_far_it_reaches(&mut stage, group);
        }
        // The interface by its number, and by the platform's choice.
        members_hear_and_others_do_not(&mut stage, Group { interface: Interface::Index(network.index), ..v4 });
        the_platform_chooses_an_interface(&mut stage, v4);
        for (one, other) in networks.iter().zip(&networks[1..]) {
            networks_are_separate(&mut stage, Group::v4(*one), Group::v4(*other));
            networks_are_separate(&mut stage, Group::v6(*one), Group::v6(*other));
        }
    });
}

/// Waits for a datagram, which must be this one.
fn expect<B: Backend>(stage: &mut Stage<B>, socket: UdpSocket, expected: &[u8], from: SocketAddr) {
    let mut mailbox = Mailbox::of(socket, 1);
    stage.play(&mut [&mut mailbox]);
    assert_eq!(mailbox.heard, [Ok(Letter::new(expected, from))]);
}

fn broadcasts_are_sent_by_those_who_may<B: Backend>(stage: &mut Stage<B>, network: Network) {
    let (near, near_address) = stage.udp_at((Ipv4Addr::UNSPECIFIED, 0).into(), &Options::DEFAULT);
    let (far, far_address) = stage.udp_at((network.v4, 0).into(), &Options::DEFAULT);
    let everybody = SocketAddr::new(network.broadcast.into(), near_address.port());
    let denied = Err(Error::PermissionDenied);
    assert_eq!(stage.cx().try_send_to(far, b"hello", everybody), denied);
    let mut post = Post::to(far, everybody, &["hello"; 2]);
    stage.play(&mut [&mut post]);
    assert_eq!(post.results, [denied; 2]);
    assert_eq!(stage.receive_all(near), []);
    assert_eq!(stage.cx().set_broadcast(far, true), Ok(()));
    stage.send_to(far, b"hello", everybody);
    expect(stage, near, b"hello", far_address);
    // What goes to one needs no permission, and the permission can be taken back.
    assert_eq!(stage.cx().set_broadcast(far, false), Ok(()));
    assert_eq!(stage.cx().try_send_to(far, b"hello", everybody), denied);
    stage.send_to(far, b"just you", SocketAddr::new(network.v4.into(), near_address.port()));
    expect(stage, near, b"just you", far_address);
    assert_eq!(stage.receive_all(near), []);
    // IPv6 has none.
    let (modern, _) = stage.udp_at((network.v6, 0).into(), &Options::DEFAULT);
    assert_eq!(stage.cx().set_broadcast(modern, true), Err(Error::NotSupported));
    for socket in [near, far, modern] {
        stage.cx().close(socket).expect("it is open");
        assert_eq!(stage.cx().set_broadcast(socket, true), Err(Error::InvalidHandle));
    }
}

/// A group, and how to get there.
#[derive(Clone, Copy)]
struct Group {
    address: IpAddr,
    /// Another one.
    other: IpAddr,
    interface: Interface,
    /// This machine, as a sender.
    own: IpAddr,
    /// All addresses of the family.
    any: IpAddr,
    /// An address that is no group's, and a group of the other family.
    wrong: [IpAddr; 2],
}

impl Group {
    fn v4(network: Network) -> Self {
        Group {
            address: Ipv4Addr::new(239, 42, 0, 1).into(),
            other: Ipv4Addr::new(239, 42, 0, 2).into(),
            interface: Interface::Address(network.v4),
            own: network.v4.into(),
            any: Ipv4Addr::UNSPECIFIED.into(),
            wrong: [network.v4.into(), Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x4242).into()],
        }
    }

    fn v6(network: Network) -> Self {
        Group {
            address: Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x4201).into(),
            other: Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x4202).into(),
            interface: Interface::Index(network.index),
            own: network.v6.into(),
            any: Ipv6Addr::UNSPECIFIED.into(),
            wrong: [network.v6.into(), Ipv4Addr::new(239, 42, 0, 1).into()],
        }
    }

    /// A socket that sends to this group's interface.
    fn sender<B: Backend>(&self, stage: &mut Stage<B>) -> (UdpSocket, SocketAddr) {
        let (sender, address) = stage.udp_at(SocketAddr::new(self.own, 0), &Options::DEFAULT);
        assert_eq!(stage.cx().set_multicast_interface(sender, self.interface), Ok(()));
        (sender, address)
    }

    /// A socket that could receive from any group, and its port.
    fn receiver<B: Backend>(&self, stage: &mut Stage<B>) -> (UdpSocket, u16) {
        let (receiver, address) = stage.udp_at(SocketAddr::new(self.any, 0), &SHARED);
        (receiver, address.port())
    }
}

fn members_hear_and_others_do_not<B: Backend>(stage: &mut Stage<B>, group: Group) {
    let (sender, from) = group.sender(stage);
    let (first, port) = group.receiver(stage);
    let (second, _) = stage.udp_at(SocketAddr::new(group.any, port), &SHARED);
    let (outsider, _) = stage.udp_at(SocketAddr::new(group.any, port), &SHARED);
    let all = [first, second, outsider];
    let (to, to_other) = (SocketAddr::new(group.address, port), SocketAddr::new(group.other, port));
    // That `members`, of those three, hear `text`, which is sent to a group.
    let hear = |stage: &mut Stage<B>, to: SocketAddr, text: &str, members: [bool; 3]| {
        stage.send_to(sender, text.as_bytes(), to);
        for (socket, is_member) in all.into_iter().zip(members) {
            let letter = Ok(Letter::new(text.as_bytes(), from));
            let expected = if is_member { vec![letter] } else { vec![] };
            assert_eq!(stage.receive_all(socket), expected, "{socket:?} of {members:?}");
        }
    };
    hear(stage, to, "nobody", [false, false, false]);
    assert_eq!(stage.cx().join_multicast(first, group.address, group.interface), Ok(()));
    hear(stage, to, "one", [true, false, false]);
    assert_eq!(stage.cx().join_multicast(second, group.address, group.interface), Ok(()));
    hear(stage, to, "two", [true, true, false]);
    hear(stage, to_other, "another group", [false, false, false]);
    // Twice is once, and is refused.
    let again = stage.cx().join_multicast(first, group.address, group.interface);
    assert_eq!(again, Err(Error::AddressInUse));
    hear(stage, to, "not twice", [true, true, false]);
    // A second group beside the first.
    assert_eq!(stage.cx().join_multicast(first, group.other, group.interface), Ok(()));
    hear(stage, to_other, "another group", [true, false, false]);
    // Who leaves hears nothing more, and the others do.
    assert_eq!(stage.cx().leave_multicast(first, group.address, group.interface), Ok(()));
    hear(stage, to, "one is left", [false, true, false]);
    hear(stage, to_other, "another group", [true, false, false]);
    let again = stage.cx().leave_multicast(first, group.address, group.interface);
    assert_eq!(again, Err(Error::AddressNotAvailable));
    let never = stage.cx().leave_multicast(outsider, group.address, group.interface);
    assert_eq!(never, Err(Error::AddressNotAvailable));
    // A member that closes is none any more; one that joins again is one again.
    stage.cx().close(second).expect("it is open");
    let (second, _) = stage.udp_at(SocketAddr::new(group.any, port), &SHARED);
    stage.send_to(sender, b"nobody", to);
    assert_eq!((stage.receive_all(first), stage.receive_all(second)), (vec![], vec![]));
    assert_eq!(stage.cx().join_multicast(first, group.address, group.interface), Ok(()));
    stage.send_to(sender, b"again", to);
    expect(stage, first, b"again", from);
    for socket in [sender, first, second, outsider] {
        stage.cx().close(socket).expect("it is open");
    }
    assert_eq!(stage.cx().join_multicast(first, group.address, group.interface), Err(Error::InvalidHandle));
    assert_eq!(stage.cx().leave_multicast(first, group.address, group.interface), Err(Error::InvalidHandle));
}

fn groups_that_are_none_are_refused<B: Backend>(stage: &mut Stage<B>, group: Group) {
    const NOWHERE: Interface = Interface::Index(999_999);
    let (socket, _) = group.receiver(stage);
    for wrong in group.wrong {
        let joined = stage.cx().join_multicast(socket, wrong, group.interface);
        assert_eq!(joined, Err(Error::InvalidArgument), "{wrong}");
    }
    let no_such =
        |result| matches!(result, Err(Error::AddressNotAvailable | Error::NotSupported | Error::InvalidArgument));
    assert!(no_such(stage.cx().join_multicast(socket, group.address, NOWHERE)));
    assert!(no_such(stage.cx().set_multicast_interface(socket, NOWHERE)));
    // What was refused has changed nothing.
    let left = stage.cx().leave_multicast(socket, group.address, group.interface);
    assert_eq!(left, Err(Error::AddressNotAvailable));
    stage.cx().close(socket).expect("it is open");
}

fn a_sender_says_how_far_it_reaches<B: Backend>(stage: &mut Stage<B>, group: Group) {
    let (sender, from) = group.sender(stage);
    let (member, port) = group.receiver(stage);
    let to = SocketAddr::new(group.address, port);
    stage.cx().join_multicast(member, group.address, group.interface).expect("it is a group");
    // No number of hops keeps it from the members on this machine.
    for hops in [0, 1, 255] {
        assert_eq!(stage.cx().set_multicast_hops(sender, hops), Ok(()));
        stage.send_to(sender, &[hops], to);
        expect(stage, member, &[hops], from);
    }
    // Without loopback nobody on this machine hears it, and afterwards they do. It is the sender's to say.
    assert_eq!(stage.cx().set_multicast_loopback(member, false), Ok(()));
    stage.send_to(sender, b"still on", to);
    expect(stage, member, b"still on", from);
    assert_eq!(stage.cx().set_multicast_loopback(sender, false), Ok(()));
    stage.send_to(sender, b"off", to);
    assert_eq!(stage.receive_all(member), []);
    assert_eq!(stage.cx().set_multicast_loopback(sender, true), Ok(()));
    stage.send_to(sender, b"on", to);
    expect(stage, member, b"on", from);
    for socket in [sender, member] {
        stage.cx().close(socket).expect("it is open");
    }
}

fn the_platform_chooses_an_interface<B: Backend>(stage: &mut Stage<B>, group: Group) {
    let (sender, from) = stage.udp_at(SocketAddr::new(group.own, 0), &Options::DEFAULT);
    let (member, port) = group.receiver(stage);
    assert_eq!(stage.cx().join_multicast(member, group.address, Interface::Any), Ok(()));
    stage.send_to(sender, b"anywhere", SocketAddr::new(group.address, port));
    expect(stage, member, b"anywhere", from);
    assert_eq!(stage.cx().leave_multicast(member, group.address, Interface::Any), Ok(()));
    // Back to the platform's choice.
    assert_eq!(stage.cx().set_multicast_interface(sender, group.interface), Ok(()));
    assert_eq!(stage.cx().set_multicast_interface(sender, Interface::Any), Ok(()));
    for socket in [sender, member] {
        stage.cx().close(socket).expect("it is open");
    }
}

/// What is sent to a group in one network is not heard by its members in another.
fn networks_are_separate<B: Backend>(stage: &mut Stage<B>, here: Group, there: Group) {
    let (sender, from) = here.sender(stage);
    let (other_sender, other_from) = there.sender(stage);
    let (member, port) = here.receiver(stage);
    let (other_member, _) = stage.udp_at(SocketAddr::new(here.any, port), &SHARED);
    let to = SocketAddr::new(here.address, port);
    stage.cx().join_multicast(member, here.address, here.interface).expect("it is a group");
    stage.cx().join_multicast(other_member, here.address, there.interface).expect("it is a group");
    stage.send_to(sender, b"here", to);
    stage.send_to(other_sender, b"there", to);
    let (first, second) = (Ok(Letter::new(b"here", from)), Ok(Letter::new(b"there", other_from)));
    let (mut heard, mut heard_there) = (vec![first], vec![second]);
    if here.address.is_ipv6() && !B::SEPARATES_IPV6_NETWORKS {
        heard.append(&mut heard_there);
        heard_there = heard.clone();
    }
    assert_eq!((stage.receive_all(member), stage.receive_all(other_member)), (heard, heard_there));
    // With a member in one network only, a sender is heard as soon as it sends there.
    stage.cx().leave_multicast(other_member, here.address, there.interface).expect("it is a member");
    stage.send_to(other_sender, b"nobody", to);
    assert_eq!((stage.receive_all(member), stage.receive_all(other_member)), (vec![], vec![]));
    assert_eq!(stage.cx().set_multicast_interface(other_sender, here.interface), Ok(()));
    stage.send_to(other_sender, b"moved", to);
    expect(stage, member, b"moved", other_from);
    for socket in [sender, other_sender, member, other_member] {
        stage.cx().close(socket).expect("it is open");
    }
}
