//! Every code of [`Error`], reached on Linux by an operation that an application can do.

use std::fmt::Debug;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};
use std::os::fd::FromRawFd;

use ptk_core::prelude::*;
use ptk_core::{DynTask, Interface, Kind};
use ptk_linux::Linux;
use ptk_tests::Backend;
use ptk_tests::actors::{Dial, Reader};
use ptk_tests::linux::LinuxBackend;
use ptk_tests::stage::{SILENCE, Stage};

type LinuxStage = Stage<LinuxBackend>;

/// That a call failed with `code`, which the loop keeps.
#[track_caller]
fn told<T: Debug, const N: usize>(stage: &Stage<LinuxBackend, N>, result: Result<T, Error>, code: i32) {
    assert_eq!(result.as_ref().map_err(|error| error.code()).err(), Some(code), "{result:?}");
    if code != Error::WouldBlock.code() {
        assert_eq!(stage.event_loop.last_error().map(Error::code), Some(code));
    }
}

fn localhost(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Of the addresses that are kept for documentation (RFC 5737), so nobody's.
fn nobodys(port: u16) -> SocketAddr {
    (Ipv4Addr::new(198, 51, 100, 1), port).into()
}

/// That a task ends with `code`.
#[track_caller]
fn fails(stage: &mut LinuxStage, task: &mut dyn DynTask<Linux<'static>>, code: i32) {
    let ended = stage.try_play(&mut [task], |_, _, _| Ok(()))[0];
    assert_eq!(ended.map(|result| result.map_err(Error::code)), Some(Err(code)));
}

#[test]
fn code_0_is_no_error() {
    let mut stage = LinuxStage::new();
    let (near, address) = stage.udp();
    assert_eq!(stage.cx().try_send_to(near, b"to myself", address), Ok(()));
    assert_eq!(stage.receive_all(near).len(), 1);
    assert_eq!(stage.event_loop.last_error(), None);
}

#[test]
fn code_1_a_handle_that_is_closed() {
    let mut stage = LinuxStage::new();
    let (near, address) = stage.udp();
    stage.cx().close(near).unwrap();
    let sent = stage.cx().try_send_to(near, b"x", address);
    told(&stage, sent, -1);
    let closed = stage.cx().close(near);
    told(&stage, closed, -1);
}

#[test]
fn code_2_a_group_that_is_none() {
    let mut stage = LinuxStage::new();
    let (near, address) = stage.udp();
    let joined = stage.cx().join_multicast(near, address.ip(), Interface::Any);
    told(&stage, joined, -2);
    fails(&mut stage, &mut Dial::to((Ipv4Addr::UNSPECIFIED, 9).into()), -2);
}

#[test]
fn code_3_more_memberships_than_the_kernel_has_memory_for() {
    LinuxBackend::networked("code_3_more_memberships_than_the_kernel_has_memory_for", |networks| {
        let mut stage = LinuxStage::new();
        let (near, _) = stage.udp_at((Ipv4Addr::UNSPECIFIED, 0).into(), &Options::DEFAULT);
        let interface = Interface::Address(networks[0].v4);
        // net.ipv4.igmp_max_memberships is 20 unless somebody has changed it.
        let limit: u8 = std::fs::read_to_string("/proc/sys/net/ipv4/igmp_max_memberships")
            .expect("the kernel tells its limit")
            .trim()
            .parse()
            .expect("it is small");
        let mut join = |number| stage.cx().join_multicast(near, Ipv4Addr::new(239, 3, 3, number).into(), interface);
        let refused = (0..=limit).find(|number| join(*number).is_err());
        assert_eq!(refused, Some(limit));
        let again = join(limit);
        told(&stage, again, -3);
    });
}

#[test]
fn code_4_broadcasts_over_ipv6() {
    let mut stage = LinuxStage::new();
    let (near, _) = stage.udp_at((Ipv6Addr::LOCALHOST, 0).into(), &Options::DEFAULT);
    let set = stage.cx().set_broadcast(near, true);
    told(&stage, set, -4);
}

/// Has every further `sendto` of this process fail with `EIO`, which has no code of its own.
fn break_sending() {
    let code = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt, jf, k };
    // The number of the system call comes first in what the filter sees (seccomp(2)).
    let mut filter = [
        code(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        code(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, libc::SYS_sendto as u32),
        code(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EIO as u32),
        code(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: a program that lives through the calls.
    let set = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
    };
    assert!(set, "the kernel has filters of system calls");
}

#[test]
fn code_5_a_failure_of_the_system_that_has_no_code() {
    LinuxBackend::isolated("code_5_a_failure_of_the_system_that_has_no_code", || {
        let mut stage = LinuxStage::new();
        let (near, address) = stage.udp();
        break_sending();
        let sent = stage.cx().try_send_to(near, b"x", address);
        told(&stage, sent, -5);
        assert_eq!(stage.cx().last_os_error(), Some(libc::EIO), "the number says more");
    });
}

/// Waits for data for a while.
struct Impatient {
    pt: PtTimed,
    socket: TcpSocket,
    buffer: Buffer<8>,
}

impl<P: Platform> Protothread<P> for Impatient {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        wait!(cx.recv(self.socket, &mut self.buffer), timeout = Duration::from_millis(5))??;
        Ok(())
    }
}

#[test]
fn code_6_a_peer_that_says_nothing_in_time() {
    let mut stage = LinuxStage::new();
    let (near, _far) = stage.pair();
    fails(&mut stage, &mut Impatient { pt: PtTimed::new(), socket: near, buffer: Buffer::new() }, -6);
}

#[test]
fn code_7_nothing_is_there_yet() {
    let mut stage = LinuxStage::new();
    let (near, _) = stage.udp();
    let received = stage.cx().try_recv_from(near, &mut [0; 8]);
    told(&stage, received, -7);
    let (near, _far) = stage.pair();
    let received = stage.cx().try_recv(near, &mut [0; 8]);
    told(&stage, received, -7);
}

#[test]
fn code_8_nobody_listens() {
    let mut stage = LinuxStage::new();
    let nobody = stage.refusing_address();
    fails(&mut stage, &mut Dial::to(nobody), -8);
}

#[test]
fn code_9_the_peer_has_reset_the_connection() {
    let mut stage = LinuxStage::new();
    let (near, far) = stage.pair();
    stage.cx().abort(far).unwrap();
    let mut reader = Reader::of(near);
    stage.play(&mut [&mut reader]);
    assert_eq!(reader.end[0].unwrap().map_err(Error::code), Err(-9));
    let sent = stage.cx().try_send(near, b"x");
    told(&stage, sent, -9);
}

#[test]
fn code_10_a_socket_without_a_peer() {
    let mut stage = LinuxStage::new();
    let (near, _) = stage.udp();
    let sent = stage.cx().try_send_datagram(near, b"to whom?");
    told(&stage, sent, -10);
    let socket = stage.cx().tcp_socket(&Options::DEFAULT).unwrap();
    let sent = stage.cx().try_send(socket, b"to whom?");
    told(&stage, sent, -10);
}

#[test]
fn code_11_a_second_connect() {
    let mut stage = LinuxStage::new();
    let (near, _far) = stage.pair();
    let Poll::Ready(connected) = stage.cx().connect_on(near, localhost(9)) else { panic!("it is known at once") };
    told(&stage, connected, -11);
}

#[test]
fn code_12_an_address_that_another_has() {
    let mut stage = LinuxStage::new();
    let (_near, address) = stage.udp();
    let bound = stage.cx().udp_socket(address);
    told(&stage, bound, -12);
    let (_listener, address) = stage.listen();
    let listening = stage.cx().listen(address);
    told(&stage, listening, -12);
}

#[test]
fn code_13_an_address_to_which_no_way_leads() {
    LinuxBackend::networked("code_13_an_address_to_which_no_way_leads", |networks| {
        let mut stage = LinuxStage::new();
        let (near, _) = stage.udp_at((networks[0].v4, 0).into(), &Options::DEFAULT);
        let sent = stage.cx().try_send_to(near, b"x", nobodys(9));
        told(&stage, sent, -13);
        let connected = stage.cx().connect_udp(near, nobodys(9));
        told(&stage, connected, -13);
        fails(&mut stage, &mut Dial::to(nobodys(9)), -13);
    });
}

#[test]
fn code_14_a_datagram_that_is_too_large() {
    let mut stage = LinuxStage::new();
    let (near, address) = stage.udp();
    let sent = stage.cx().try_send_to(near, &[0; 65_508], address);
    told(&stage, sent, -14);
}

/// Tells `from` that somebody on the way to `to` cannot make sense of its datagrams: a parameter problem (RFC 792).
fn complain(from: SocketAddrV4, to: SocketAddrV4) {
    let mut message = vec![12, 0, 0, 0, 0, 0, 0, 0];
    // The header of the datagram that this is about, and its first eight bytes.
    message.extend([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0]);
    message.extend(from.ip().octets().into_iter().chain(to.ip().octets()));
    message.extend([from.port(), to.port(), 8, 0].into_iter().flat_map(u16::to_be_bytes));
    let sum: u32 = message.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    message[2..4].copy_from_slice(&(!(folded as u16)).to_be_bytes());
    // SAFETY: no pointers.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::IPPROTO_ICMP) };
    assert!(fd >= 0, "raw sockets are allowed in a network of one's own");
    // SAFETY: the descriptor is open and nobody else's.
    let raw = unsafe { std::net::UdpSocket::from_raw_fd(fd) };
    assert_eq!(raw.send_to(&message, (*from.ip(), 0)).unwrap(), message.len());
}

#[test]
fn code_15_somebody_who_cannot_make_sense_of_what_was_sent() {
    LinuxBackend::networked("code_15_somebody_who_cannot_make_sense_of_what_was_sent", |_| {
        let mut stage = LinuxStage::new();
        let ((near, from), (_far, to)) = (stage.udp(), stage.udp());
        stage.cx().connect_udp(near, to).unwrap();
        let (SocketAddr::V4(from), SocketAddr::V4(to)) = (from, to) else { panic!("both are IPv4") };
        complain(from, to);
        stage.idle(SILENCE);
        let received = stage.cx().try_recv_from(near, &mut [0; 8]);
        told(&stage, received, -15);
        assert_eq!(stage.cx().try_send_datagram(near, b"the socket goes on"), Ok(()));
    });
}

#[test]
fn code_16_a_table_that_is_full() {
    let mut stage = Stage::<LinuxBackend, 1>::new();
    let address = stage.backend.v4();
    let first = stage.cx().udp_socket(address);
    assert!(first.is_ok());
    let second = stage.cx().udp_socket(address);
    assert_eq!(second, Err(Error::TableFull { kind: Kind::TcpSocket, capacity: 1 }));
    told(&stage, second, -16);
}

#[test]
fn code_17_an_address_that_is_not_of_this_machine() {
    let mut stage = LinuxStage::new();
    let bound = stage.cx().udp_socket(nobodys(0));
    told(&stage, bound, -17);
    let listening = stage.cx().listen(nobodys(0));
    told(&stage, listening, -17);
}

#[test]
fn code_18_a_broadcast_without_permission() {
    let mut stage = LinuxStage::new();
    let (near, _) = stage.udp();
    let sent = stage.cx().try_send_to(near, b"everybody!", (Ipv4Addr::new(127, 255, 255, 255), 9).into());
    told(&stage, sent, -18);
}

#[test]
fn code_19_no_descriptor_is_left() {
    LinuxBackend::isolated("code_19_no_descriptor_is_left", || {
        let mut stage = LinuxStage::scarce(1);
        let address = stage.backend.v4();
        assert!(stage.cx().udp_socket(address).is_ok());
        let bound = stage.cx().udp_socket(address);
        told(&stage, bound, -19);
    });
}

/// Waits for more than its wait nodes can hold.
struct Greedy {
    pt: Pt,
    timers: [Timer; 9],
}

impl<P: Platform> Protothread<P> for Greedy {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        wait!(self.all(cx))
    }
}

impl Greedy {
    fn all<P: Platform>(&self, cx: &mut Cx<'_, P>) -> Poll<Result<(), Error>> {
        let mut polled = self.timers.iter().map(|timer| cx.expired(*timer));
        polled.find(Poll::is_ready).unwrap_or(Poll::Pending).map(|expired| expired.map(|_| ()))
    }
}

#[test]
fn code_20_a_task_that_waits_for_too_much() {
    let mut stage = LinuxStage::new();
    let timers = [(); 9].map(|()| stage.cx().timer().unwrap());
    fails(&mut stage, &mut Greedy { pt: Pt::new(), timers }, -20);
}

#[test]
fn code_21_a_second_handler() {
    let mut stage = LinuxStage::new();
    let (near, _) = stage.udp();
    stage.cx().set_handler(near).unwrap();
    let set = stage.cx().set_handler(near);
    told(&stage, set, -21);
}

#[test]
fn code_22_a_buffer_without_room() {
    let mut stage = LinuxStage::new();
    let (near, _) = stage.udp();
    let mut buffer = Buffer::<4>::new();
    buffer.put_slice(b"full").unwrap();
    let Poll::Ready(received) = stage.cx().recv_from(near, &mut buffer) else { panic!("it is known at once") };
    told(&stage, received, -22);
}

/// Wants more than will come.
struct Demanding {
    pt: Pt,
    socket: TcpSocket,
    buffer: Buffer<8>,
}

impl<P: Platform> Protothread<P> for Demanding {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        wait!(cx.recv_exact(self.socket, &mut self.buffer, 8))
    }
}

#[test]
fn code_23_a_stream_that_ends_too_early() {
    let mut stage = LinuxStage::new();
    let (near, far) = stage.pair();
    stage.send(far, b"short");
    stage.cx().close(far).unwrap();
    stage.idle(SILENCE);
    fails(&mut stage, &mut Demanding { pt: Pt::new(), socket: near, buffer: Buffer::new() }, -23);
}

#[test]
fn code_24_a_loop_that_is_not_open() {
    let mut event_loop = EventLoop::<_, 1, 1>::new(1, Linux::new());
    let bound = event_loop.cx().udp_socket(localhost(0));
    assert_eq!(bound.map_err(Error::code), Err(-24));
    assert_eq!(event_loop.last_error().map(Error::code), Some(-24));
}

/// Linux cannot know that nothing will happen any more: this one is the simulator's.
#[test]
fn code_25_nothing_can_happen_any_more() {
    let mut event_loop = EventLoop::<_, 1, 1>::new(1, ptk_mock::Mock::new());
    event_loop.open().unwrap();
    let socket = event_loop.cx().udp_socket(localhost(0)).unwrap();
    let ended = event_loop.run(&mut [Waiter { pt: Pt::new(), socket, buffer: Buffer::new() }]);
    assert_eq!(ended.map_err(Error::code), Err(-25));
}

/// Waits for a datagram that nobody sends.
struct Waiter {
    pt: Pt,
    socket: UdpSocket,
    buffer: Buffer<8>,
}

impl<P: Platform> Protothread<P> for Waiter {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        wait!(cx.recv_from(self.socket, &mut self.buffer)).map(|_| ())
    }
}
