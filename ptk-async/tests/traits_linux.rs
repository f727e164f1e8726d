//! The traits that others' crates ask for, on Linux: bytes of descriptors, datagrams, names. The peers are of the standard
//! library.

use std::cell::Cell;
use std::io::{BufRead as _, BufReader, Read as _, Write as _, pipe};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::{Pin, pin};

use embassy_futures::join::join;
use embedded_io_async::{Read, ReadReady, Write, WriteReady};
use embedded_nal_async::{AddrType, ConnectedUdp, Dns, UdpStack, UnconnectedUdp};
use ptk_async::{AsyncTask, Bridge, DescriptorIo};
use ptk_core::prelude::*;
use ptk_linux::{Linux, descriptor};

#[path = "../../tests/tests/dns_messages/mod.rs"]
mod dns_messages;
#[path = "../examples/shared/fetch.rs"]
mod fetch;

use dns_messages::{NAME_ERROR, Query, Reply};

type LinuxBridge = Bridge<Linux<'static>>;
type Act<'f> = Pin<&'f mut (dyn Future<Output = ()> + 'f)>;

/// How long a peer waits for what should have come.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const EVERYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Runs a future to its end, with room for one lookup.
fn play(bridge: &LinuxBridge, name_servers: &[SocketAddr], future: Act<'_>) {
    let mut event_loop = EventLoop::<_, 1, 8, 0, 0, 1>::new(1, Linux::new());
    event_loop.open().unwrap();
    event_loop.cx().set_name_servers(name_servers).unwrap();
    event_loop.run(&mut [AsyncTask::new(bridge, future)]).unwrap();
    assert_eq!(event_loop.counters().failed_tasks, 0, "{:?}", event_loop.last_error());
}

fn watch(bridge: &LinuxBridge, fd: impl Into<OwnedFd>) -> DescriptorIo<'_, Linux<'static>> {
    let handle = bridge.with(|cx| descriptor::watch(cx, fd.into())).unwrap();
    DescriptorIo::new(bridge, handle.unwrap())
}

async fn in_time<T>(bridge: &LinuxBridge, future: impl Future<Output = T>) -> T {
    let result = bridge.timeout(Duration::from_secs(20), async { Ok::<_, Error>(future.await) }).await;
    result.unwrap().unwrap()
}

/// Code that knows the traits alone: sends `count` bytes and ends.
async fn pour<W: Write + WriteReady>(mut writer: W, count: usize) -> Result<(), W::Error> {
    assert!(writer.write_ready()?, "there is room");
    let chunk = vec![7; 100_000];
    let mut left = count;
    while left > 0 {
        let part = left.min(chunk.len());
        writer.write_all(&chunk[..part]).await?;
        left -= part;
    }
    writer.flush().await
}

/// Code that knows the traits alone: counts the bytes until the end.
async fn drink<R: Read + ReadReady>(mut reader: R) -> Result<usize, R::Error> {
    assert!(!reader.read_ready()?, "nothing is there");
    let mut buffer = [0; 999];
    let mut total = 0;
    loop {
        let count = reader.read(&mut buffer).await?;
        if count == 0 {
            return Ok(total);
        }
        assert!(buffer[..count].iter().all(|byte| *byte == 7));
        if total == 0 {
            assert!(reader.read_ready()?, "more than the buffer holds is there");
        }
        total += count;
    }
}

#[test]
fn a_pipe_is_written_and_read_to_its_end() {
    const MORE_THAN_A_PIPE_HOLDS: usize = 1 << 20;
    let bridge = LinuxBridge::new();
    let future = pin!(async {
        let (reader, writer) = pipe().unwrap();
        let (reader, writer) = (watch(&bridge, reader), watch(&bridge, writer));
        // The writer's end is that it is dropped.
        let both = join(drink(reader), pour(writer, MORE_THAN_A_PIPE_HOLDS));
        assert_eq!(in_time(&bridge, both).await, (Ok(MORE_THAN_A_PIPE_HOLDS), Ok(())));
    });
    play(&bridge, &[], future);
}

#[test]
fn a_pair_of_sockets_carries_both_ways_and_closes_when_it_is_dropped() {
    let (mut far, near) = UnixStream::pair().unwrap();
    far.set_read_timeout(Some(PATIENCE)).unwrap();
    let peer = std::thread::spawn(move || {
        let mut buffer = [0; 5];
        far.read_exact(&mut buffer).unwrap();
        far.write_all(&buffer.map(|byte| byte.to_ascii_uppercase())).unwrap();
        far.read(&mut buffer).unwrap()
    });
    let bridge = LinuxBridge::new();
    let future = pin!(async {
        let mut near = watch(&bridge, near);
        assert_eq!(near.read_ready(), Ok(false));
        let given_up = bridge.timeout(Duration::from_millis(1), near.read(&mut [0; 5])).await;
        assert_eq!(given_up, Err(Error::TimedOut));
        near.write_all(b"hello").await.unwrap();
        let mut answer = [0; 5];
        in_time(&bridge, near.read_exact(&mut answer[..2])).await.unwrap();
        assert_eq!(near.read_ready(), Ok(true), "three are left");
        in_time(&bridge, near.read_exact(&mut answer[2..])).await.unwrap();
        assert_eq!(&answer, b"HELLO");
        drop(near);
        assert_eq!(peer.join().unwrap(), 0, "the task goes on, and the peer sees the end");
    });
    play(&bridge, &[], future);
}

/// A peer that gives up a receive rather than wait for ever.
fn peer() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(ANY).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// What the peer receives, and from whom.
fn receive(peer: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 64];
    let (count, from) = peer.recv_from(&mut buffer).unwrap();
    (buffer[..count].to_vec(), from)
}

/// Code that knows the traits alone: a connected socket.
async fn connected<S: UdpStack>(stack: &S) -> Result<(), S::Error> {
    let ((stranger, _), (peer, address)) = (peer(), peer());
    let (local, mut socket) = stack.connect(address).await?;
    socket.send(b"ping").await?;
    assert_eq!(receive(&peer), (b"ping".to_vec(), local));
    let mut buffer = [0; 8];
    let answer = async {
        stranger.send_to(b"psst", local).unwrap();
        peer.send_to(b"a longer pong", local).unwrap();
    };
    let (count, ()) = join(socket.receive_into(&mut buffer), answer).await;
    assert_eq!((count?, &buffer), (9, b"a longer"), "the peer's alone, and more than the buffer holds");
    peer.send_to(b"", local).unwrap();
    assert_eq!(socket.receive_into(&mut buffer).await?, 0, "an empty datagram");
    Ok(())
}

/// Code that knows the traits alone: a socket with an address, then one with all.
async fn unconnected<S: UdpStack>(stack: &S) -> Result<(), S::Error> {
    let ((one, address), (other, other_address)) = (peer(), peer());
    let (local, mut socket) = stack.bind_single(ANY).await?;
    socket.send(local, address, b"one").await?;
    socket.send(local, other_address, b"other").await?;
    assert_eq!((receive(&one), receive(&other)), ((b"one".to_vec(), local), (b"other".to_vec(), local)));
    let mut buffer = [0; 8];
    let answer = async { other.send_to(b"yes", local).unwrap() };
    let (received, _) = join(socket.receive_into(&mut buffer), answer).await;
    assert_eq!((received?, &buffer[..3]), ((3, local, other_address), &b"yes"[..]));

    let mut everywhere = stack.bind_multiple(EVERYWHERE).await?;
    everywhere.send(EVERYWHERE, address, b"here").await?;
    let (datagram, from) = receive(&one);
    assert_eq!((datagram, from.ip()), (b"here".to_vec(), ANY.ip()));
    one.send_to(b"there", from).unwrap();
    let bound = SocketAddr::new(EVERYWHERE.ip(), from.port());
    assert_eq!(everywhere.receive_into(&mut buffer).await?, (5, bound, address));
    Ok(())
}

#[test]
fn datagrams_come_and_go_between_two() {
    let bridge = LinuxBridge::new();
    let future = pin!(async { in_time(&bridge, connected(&&bridge)).await.unwrap() });
    play(&bridge, &[], future);
}

#[test]
fn datagrams_come_and_go_among_many() {
    let bridge = LinuxBridge::new();
    let future = pin!(async { in_time(&bridge, unconnected(&&bridge)).await.unwrap() });
    play(&bridge, &[], future);
}

#[test]
fn a_peer_that_is_not_there_is_told() {
    let bridge = LinuxBridge::new();
    let future = pin!(async {
        let (peer, address) = peer();
        drop(peer);
        let socket = bridge.udp_to(ANY, address).unwrap();
        socket.send(b"anyone?").await.unwrap();
        let answer = in_time(&bridge, socket.recv_from(&mut [0; 8])).await;
        assert_eq!(answer.map(|datagram| datagram.count), Err(Error::ConnectionRefused));
    });
    play(&bridge, &[], future);
}

/// A name server that lives as long as the process, or is silent where `answer` gives nothing.
fn serve_names(answer: fn(&Query) -> Option<Reply>) -> SocketAddr {
    let socket = UdpSocket::bind(ANY).unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut message = [0; 512];
        while let Ok((count, client)) = socket.recv_from(&mut message) {
            if let Some(reply) = answer(&Query::parse(&message[..count])) {
                let _ = socket.send_to(&reply.bytes(), client);
            }
        }
    });
    address
}

fn few_names(query: &Query) -> Option<Reply> {
    let reply = query.reply();
    match query.name.as_str() {
        "both.example" => Some(reply.addresses(60, &["192.0.2.1", "2001:db8::1"])),
        "old.example" => Some(reply.addresses(60, &["192.0.2.2"])),
        "server.example" => Some(reply.addresses(60, &["127.0.0.1"])),
        "silent.example" => None,
        _ => Some(reply.flags(NAME_ERROR)),
    }
}

/// Code that knows the trait alone.
async fn ask<D: Dns>(names: &D, host: &str, wanted: AddrType) -> Result<IpAddr, D::Error> {
    names.get_host_by_name(host, wanted).await
}

#[test]
fn a_name_server_is_asked_for_the_wanted_family() {
    let bridge = LinuxBridge::new();
    let (v4, v6): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap());
    let future = pin!(async {
        assert_eq!(ask(&bridge, "both.example.", AddrType::IPv4).await, Ok(v4));
        assert_eq!(ask(&bridge, "both.example.", AddrType::IPv6).await, Ok(v6));
        assert_eq!(ask(&bridge, "old.example.", AddrType::Either).await, Ok("192.0.2.2".parse().unwrap()));
        assert_eq!(ask(&bridge, "old.example.", AddrType::IPv6).await, Err(Error::InvalidArgument));
        assert_eq!(ask(&bridge, "nobody.example.", AddrType::Either).await, Err(Error::NameNotFound));
    });
    play(&bridge, &[serve_names(few_names)], future);
}

#[test]
fn a_lookup_that_is_given_up_leaves_its_place() {
    let bridge = LinuxBridge::new();
    let future = pin!(async {
        for _ in 0..3 {
            let silent = ask(&bridge, "silent.example.", AddrType::Either);
            assert_eq!(bridge.timeout(Duration::from_millis(1), silent).await, Err(Error::TimedOut));
        }
        assert!(in_time(&bridge, ask(&bridge, "both.example.", AddrType::Either)).await.is_ok());
    });
    play(&bridge, &[serve_names(few_names)], future);
}

#[test]
fn an_http_client_finds_its_server_by_name() {
    let listener = TcpListener::bind(ANY).unwrap();
    let url = format!("http://server.example:{}/page", listener.local_addr().unwrap().port());
    let server = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "GET /page HTTP/1.1");
        while !lines.next().unwrap().unwrap().is_empty() {}
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody").unwrap();
    });
    let bridge = LinuxBridge::new();
    let received = Cell::new(0);
    let future = pin!(async {
        let count = |piece: &[u8]| {
            received.set(received.get() + piece.len());
            true
        };
        assert_eq!(in_time(&bridge, fetch::get(&bridge, &url, count)).await, Ok(200));
    });
    play(&bridge, &[serve_names(few_names)], future);
    assert_eq!(received.get(), 4);
    server.join().unwrap();
}
