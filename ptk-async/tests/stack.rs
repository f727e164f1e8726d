//! A bridge as the network stack of `embedded-nal-async`, on the mock: connections, datagrams, names.

mod harness;

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;

use embassy_futures::join::join;
use embedded_io_async::{Error as _, ErrorKind, Read, Write};
use embedded_nal_async::{AddrType, ConnectedUdp, Dns, TcpConnect, UdpStack, UnconnectedUdp};
use harness::{LATER, listen, new_loop, play, play_alone, sockets};
use ptk_async::{AsyncTask, Bridge};
use ptk_core::{Error, EventLoop};
use ptk_mock::Mock;

const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Code that knows the traits alone.
async fn greet<S: TcpConnect>(stack: &S, server: SocketAddr) -> Result<[u8; 5], ErrorKind> {
    let mut connection = stack.connect(server).await.map_err(|error| error.kind())?;
    connection.write_all(b"hello").await.map_err(|error| error.kind())?;
    connection.flush().await.map_err(|error| error.kind())?;
    let mut answer = [0; 5];
    connection.read_exact(&mut answer).await.map_err(|_| ErrorKind::Other)?;
    Ok(answer)
}

#[test]
fn a_connection_of_the_trait_closes_when_it_is_dropped() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let (listener, server) = listen(&mut event_loop);
    let ended = Cell::new(false);
    let future = pin!(async {
        assert_eq!(greet(&bridge, server).await, Ok(*b"HELLO"));
        bridge.with(|cx| cx.close(listener)).unwrap().unwrap();
        assert_eq!(greet(&bridge, server).await, Err(ErrorKind::ConnectionRefused));
        bridge.sleep(LATER).await.unwrap();
        assert!(ended.get(), "the peer saw the end while this task went on");
    });
    let peer = pin!(async {
        let mut connection = bridge.accept(listener).await.unwrap();
        let mut buffer = [0; 5];
        connection.read_exact(&mut buffer).await.unwrap();
        connection.write_all(&buffer.map(|byte| byte.to_ascii_uppercase())).await.unwrap();
        assert_eq!(connection.read(&mut buffer).await, Ok(0), "it was dropped");
        ended.set(true);
    });
    play(&mut event_loop, &bridge, [future, peer]);
    assert_eq!(sockets(&event_loop), 0);
}

/// Code that knows the traits alone: a connected socket and a bound one.
async fn exchange<S: UdpStack>(stack: &S) -> Result<(), S::Error> {
    let (bound, mut server) = stack.bind_single(ANY).await?;
    let (local, mut client) = stack.connect(bound).await?;
    client.send(b"ping").await?;
    let mut buffer = [0; 8];
    assert_eq!(server.receive_into(&mut buffer).await?, (4, bound, local));
    server.send(bound, local, b"a longer pong").await?;
    assert_eq!(client.receive_into(&mut buffer).await?, 9, "more than the buffer holds");
    assert_eq!(&buffer, b"a longer");
    server.send(bound, local, b"").await?;
    assert_eq!(client.receive_into(&mut buffer).await?, 0, "an empty datagram");
    let mut all = stack.bind_multiple(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0)).await?;
    all.send(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0), bound, b"x").await?;
    let (count, at, from) = server.receive_into(&mut buffer).await?;
    assert_eq!((count, at), (1, bound));
    server.send(bound, from, b"y").await?;
    let (count, at, from) = all.receive_into(&mut buffer).await?;
    assert_eq!((count, at.ip(), from), (1, Ipv4Addr::UNSPECIFIED.into(), bound));
    Ok(())
}

#[test]
fn datagrams_come_and_go() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let future = pin!(async { exchange(&&bridge).await.unwrap() });
    play(&mut event_loop, &bridge, [future]);
    assert_eq!(sockets(&event_loop), 0);
}

#[test]
fn a_local_address_that_is_not_the_sockets_is_refused() {
    play_alone(async |bridge| {
        let unspecified = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
        assert!(matches!(bridge.bind_single(unspecified).await, Err(Error::NotSupported)));
        let (bound, mut one) = bridge.bind_single(ANY).await.unwrap();
        let other = SocketAddr::new([127, 0, 0, 2].into(), bound.port());
        let port = SocketAddr::new(bound.ip(), bound.port() ^ 1);
        let family = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0);
        for local in [other, port, family] {
            assert_eq!(UnconnectedUdp::send(&mut one, local, bound, b"x").await, Err(Error::InvalidArgument));
        }
        let mut all = bridge.bind_multiple(unspecified).await.unwrap();
        let chosen = SocketAddr::new(bound.ip(), 0);
        assert_eq!(UnconnectedUdp::send(&mut all, chosen, bound, b"x").await, Err(Error::NotSupported));
    });
}

#[test]
fn a_receive_that_is_given_up_takes_no_datagram() {
    play_alone(async |bridge| {
        let (one, two) = (bridge.udp(ANY).unwrap(), bridge.udp(ANY).unwrap());
        let mut buffer = [0; 8];
        assert!(bridge.timeout(LATER, one.recv_from(&mut buffer)).await.is_err());
        let send = two.send_to(b"x", one.local_address().unwrap());
        let (received, sent) = join(one.recv_from(&mut buffer), send).await;
        assert_eq!((received.unwrap().count, sent), (1, Ok(())));
    });
}

#[test]
fn a_name_is_an_address_in_text() {
    play_alone(async |bridge| {
        let (v4, v6) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from(Ipv6Addr::LOCALHOST));
        let ask = |host, wanted| bridge.get_host_by_name(host, wanted);
        assert_eq!(ask("192.0.2.1", AddrType::Either).await, Ok(v4));
        assert_eq!(ask("[::1]", AddrType::IPv6).await, Ok(v6));
        assert_eq!(ask("::1", AddrType::IPv4).await, Err(Error::InvalidArgument));
        assert_eq!(bridge.get_host_by_address(v4, &mut [0; 64]).await, Err(Error::NotSupported));
        assert!(ask("no such.name", AddrType::Either).await.is_err());
    });
}

#[test]
fn a_host_is_connected_to_by_its_name() {
    let mut event_loop = Box::new(EventLoop::<Mock, 2, 8, 0, 0, 1>::new(1, Mock::new()));
    event_loop.open().unwrap();
    let listener = event_loop.cx().listen(([127, 0, 0, 1], 0).into()).unwrap();
    let server = event_loop.cx().local_address(listener).unwrap();
    let bridge = Bridge::<Mock>::new();
    let future = pin!(async {
        let address = bridge.get_host_by_name("localhost", AddrType::IPv4).await;
        assert_eq!(address, Ok(server.ip()));
        let connection = bridge.connect_to("localhost", server.port()).await.unwrap();
        assert_eq!(connection.peer_address(), Ok(server));
    });
    let mut tasks = [AsyncTask::new(&bridge, future)];
    event_loop.run(&mut tasks).unwrap();
    assert_eq!((event_loop.counters().failed_tasks, event_loop.tables().sockets.used), (0, 1));
}
