//! How far datagrams go: what the receiver's kernel says of the number of hops that they had left.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket as Witness};
use std::os::fd::AsRawFd;

use ptk_core::Interface;
use ptk_core::prelude::*;
use ptk_tests::Backend;
use ptk_tests::linux::LinuxBackend;
use ptk_tests::stage::Stage;

/// Has the kernel tell the number of hops with each datagram.
fn ask_for_hops(witness: &Witness) {
    let (level, option) = match witness.local_addr().unwrap() {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_RECVTTL),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT),
    };
    let (on, size) = (1_i32, size_of::<i32>() as libc::socklen_t);
    // SAFETY: an integer that lives through the call, and a descriptor that is open.
    let set = unsafe { libc::setsockopt(witness.as_raw_fd(), level, option, (&raw const on).cast(), size) };
    assert_eq!(set, 0);
}

/// The number of hops that the next datagram had left.
fn hops(witness: &Witness) -> u8 {
    let (mut data, mut control) = ([0_u8; 16], [0_u64; 16]);
    let mut iovec = libc::iovec { iov_base: data.as_mut_ptr().cast(), iov_len: data.len() };
    // SAFETY: all zero bits are an empty header.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut iovec;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = size_of_val(&control) as _;
    // SAFETY: the header names memory that lives through the call; the kernel fills in the first control message.
    unsafe {
        assert!(libc::recvmsg(witness.as_raw_fd(), &raw mut header, 0) >= 0, "it comes in time");
        let message = libc::CMSG_FIRSTHDR(&raw const header);
        assert!(!message.is_null(), "the kernel tells it");
        u8::try_from(libc::CMSG_DATA(message).cast::<i32>().read_unaligned()).unwrap()
    }
}

/// A socket of the standard library that is a member of `group`.
fn witness(group: IpAddr, on: &ptk_tests::Network) -> Witness {
    let witness = match group {
        IpAddr::V4(group) => {
            let witness = Witness::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
            witness.join_multicast_v4(&group, &on.v4).unwrap();
            witness
        }
        IpAddr::V6(group) => {
            let witness = Witness::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
            witness.join_multicast_v6(&group, on.index).unwrap();
            witness
        }
    };
    witness.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    ask_for_hops(&witness);
    witness
}

#[test]
fn the_number_of_hops_goes_out_with_each_datagram() {
    LinuxBackend::networked("the_number_of_hops_goes_out_with_each_datagram", |networks| {
        let mut stage = Stage::<LinuxBackend>::new();
        let network = &networks[0];
        let groups: [(IpAddr, IpAddr, Interface); 2] = [
            (Ipv4Addr::new(239, 42, 2, 1).into(), network.v4.into(), Interface::Address(network.v4)),
            (
                Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x4222).into(),
                network.v6.into(),
                Interface::Index(network.index),
            ),
        ];
        for (group, own, interface) in groups {
            let witness = witness(group, network);
            let port = witness.local_addr().unwrap().port();
            let (socket, _) = stage.udp_at(SocketAddr::new(own, 0), &Options::DEFAULT);
            stage.cx().set_multicast_interface(socket, interface).unwrap();
            // Multicast stays in the network unless somebody says otherwise (RFC 1112, 6.1).
            stage.send_to(socket, b"x", SocketAddr::new(group, port));
            assert_eq!(hops(&witness), 1);
            for count in [0, 1, 7, 255] {
                stage.cx().set_multicast_hops(socket, count).unwrap();
                stage.send_to(socket, b"x", SocketAddr::new(group, port));
                assert_eq!(hops(&witness), count, "to {group}");
            }
            // What goes to one host has a number of its own.
            stage.send_to(socket, b"x", SocketAddr::new(own, port));
            assert_eq!(hops(&witness), 64);
            for count in [1, 7, 255] {
                stage.cx().set_hop_limit(socket, count).unwrap();
                stage.send_to(socket, b"x", SocketAddr::new(own, port));
                assert_eq!(hops(&witness), count, "to {own}");
            }
            stage.send_to(socket, b"x", SocketAddr::new(group, port));
            assert_eq!(hops(&witness), 255, "multicast has not changed");
        }
    });
}
