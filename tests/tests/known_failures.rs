//! What simulators of networks are known to get wrong: the same on Linux and on the mock.

use ptk_core::{Error, Half, Options};
use ptk_tests::actors::Dial;
use ptk_tests::stage::{SILENCE, Stage};
use ptk_tests::{Backend, bounded};

fn a_connected_datagram_socket_hears_that_nobody_has_the_port<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (gone, address) = stage.udp();
    stage.cx().close(gone).expect("it is open");
    let (socket, _) = stage.udp();
    stage.cx().connect_udp(socket, address).expect("there is a way");
    assert_eq!(stage.cx().try_send_datagram(socket, b"anybody?"), Ok(()));
    stage.hear(SILENCE);
    assert_eq!(stage.cx().try_recv_from(socket, &mut [0; 8]), Err(Error::ConnectionRefused));
}

fn a_close_with_unread_data_is_a_reset_and_no_end<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (near, far) = stage.pair();
    stage.send(near, b"unread");
    stage.hear(SILENCE);
    stage.cx().close(far).expect("it is open");
    stage.hear(SILENCE);
    assert_eq!(stage.cx().try_recv(near, &mut [0; 8]), Err(Error::ConnectionReset));
}

fn a_write_to_a_peer_that_never_reads_blocks<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (near, far) = stage.pair_with(&Options { send_buffer: 8_192, receive_buffer: 8_192, ..Options::DEFAULT });
    let sent = stage.fill(near, 1);
    assert!((1..1 << 20).contains(&sent), "{sent} bytes are more than two small buffers hold");
    assert_eq!(stage.cx().try_send(near, b"more"), Err(Error::WouldBlock));
    let mut received = 0;
    while received < sent {
        received += stage.cx().try_recv(far, &mut [0; 4_096]).unwrap_or(0) as u64;
        stage.hear(ptk_core::Duration::from_millis(1));
    }
    stage.hear(SILENCE);
    stage.send(near, b"more");
}

fn after_a_half_close_the_reply_comes<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (near, far) = stage.pair();
    assert_eq!(stage.cx().shutdown(near, Half::Write), Ok(()));
    stage.hear(SILENCE);
    assert_eq!(stage.cx().try_recv(far, &mut [0; 8]), Ok(0));
    stage.send(far, b"reply");
    stage.hear(SILENCE);
    assert_eq!(stage.cx().try_recv(near, &mut [0; 8]), Ok(5));
}

fn a_connect_that_nobody_accepts_succeeds<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (_listener, address) = stage.listen();
    let mut dial = Dial::to(address);
    stage.play(&mut [&mut dial]);
    assert_eq!(stage.cx().peer_address(dial.socket), Ok(address));
}

fn a_datagram_of_70_000_bytes_is_too_large<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (socket, address) = stage.udp();
    assert_eq!(stage.cx().try_send_to(socket, &vec![0; 70_000], address), Err(Error::MessageTooLarge));
}

macro_rules! on_both {
    ($($name:ident,)*) => {
        on_both! { linux, ptk_tests::linux::LinuxBackend: $($name,)* }
        on_both! { mock, ptk_tests::mock::MockBackend: $($name,)* }
    };
    ($module:ident, $backend:ty: $($name:ident,)*) => {
        mod $module {
            $(
                #[test]
                fn $name() {
                    super::bounded(stringify!($name), super::$name::<$backend>);
                }
            )*
        }
    };
}

on_both! {
    a_connected_datagram_socket_hears_that_nobody_has_the_port,
    a_close_with_unread_data_is_a_reset_and_no_end,
    a_write_to_a_peer_that_never_reads_blocks,
    after_a_half_close_the_reply_comes,
    a_connect_that_nobody_accepts_succeeds,
    a_datagram_of_70_000_bytes_is_too_large,
}
