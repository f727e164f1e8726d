//! Settings of sockets, as far as the simulator lets one see what they do.

mod scheduler_world;

use std::task::Poll;

use ptk_core::{Error, Options};
use scheduler_world::{connect_to, ms, open_loop, port};

/// How many bytes the peer of a connection can send while nobody receives, where the receiver's buffer is set before it
/// connects, or after.
fn room(before: Option<u32>, after: Option<u32>) -> usize {
    let mut event_loop = open_loop();
    let listener = event_loop.cx().listen(port(1)).unwrap();
    let receiver = event_loop.cx().tcp_socket(&Options::DEFAULT).unwrap();
    if let Some(bytes) = before {
        event_loop.cx().set_receive_buffer(receiver, bytes).unwrap();
    }
    let sender = connect_to(&mut event_loop, listener, receiver, port(1));
    let mut cx = event_loop.cx();
    if let Some(bytes) = after {
        cx.set_receive_buffer(receiver, bytes).unwrap();
    }
    let (mut sent, deadline) = (0, cx.now() + ms(1000));
    let full = cx.block_on::<()>(Some(deadline), |cx| {
        while let Ok(count) = cx.try_send(sender, &[0; 1000]) {
            sent += count;
        }
        Poll::Pending
    });
    assert_eq!(full, Err(Error::TimedOut));
    sent
}

#[test]
fn a_receive_buffer_is_remembered_for_the_connect_and_changed_when_it_is_made() {
    let usual = room(None, None);
    let (before, after) = (room(Some(4096), None), room(None, Some(4096)));
    assert!(before < usual && after < usual, "{before} and {after} of {usual}");
}
