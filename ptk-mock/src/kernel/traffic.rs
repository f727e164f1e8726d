//! What flows on a connection: bytes, ends and resets.

use ptk_core::{Close, Error, Half, Instant, Readiness, Received, Rest};

use super::stream::{Owner, Phase, Stream};
use super::{Kernel, StreamId};
use crate::mutant::Mutant;

impl Kernel {
    /// Receives. See [`Platform::receive`](ptk_core::Platform::receive).
    pub(crate) fn receive(&mut self, id: StreamId, buffer: &mut [u8]) -> Result<Received, Error> {
        if buffer.is_empty() {
            return Err(Error::InvalidArgument);
        }
        let stream = self.stream_mut(id)?;
        stream.has_alarm = false;
        if stream.incoming.skip_urgent()
            && let Some(peer) = stream.peer
        {
            self.pump(peer);
        }
        let stream = self.stream_mut(id)?;
        let count = stream.incoming.take(buffer);
        if count == 0 {
            return nothing_to_receive(stream);
        }
        if let Some(peer) = stream.peer {
            self.pump(peer);
        }
        self.make_room(id, count);
        Ok(Received { count, rest: rest_after(self.stream_mut(id)?) })
    }

    /// Whether nothing is left but an end or a failure that was announced.
    pub(crate) fn has_announced_end(&self, id: StreamId) -> bool {
        self.streams.get(id.0).is_some_and(|stream| {
            let is_over = stream.end_arrived || stream.phase == Phase::Over;
            is_over && stream.incoming.is_empty() && stream.signal.believes(Readiness::HANGUP)
        })
    }

    /// Gives what a receive would get, and leaves it. See [`Platform::peek`](ptk_core::Platform::peek).
    ///
    /// An error is taken with the look, as on Linux.
    pub(crate) fn peek(&mut self, id: StreamId, buffer: &mut [u8]) -> Result<usize, Error> {
        if buffer.is_empty() {
            return Err(Error::InvalidArgument);
        }
        let stream = self.stream_mut(id)?;
        stream.has_alarm = false;
        match stream.incoming.peek(buffer) {
            0 => nothing_to_receive(stream).map(|end| end.count),
            count => Ok(count),
        }
    }

    /// Sends. See [`Platform::send`](ptk_core::Platform::send).
    pub(crate) fn send(&mut self, id: StreamId, data: &[u8]) -> Result<usize, Error> {
        if data.is_empty() {
            return Err(Error::InvalidArgument);
        }
        self.may_send(id)?;
        let mut sent = 0;
        // What leaves for the peer makes room for more.
        while let Some(rest) = data.get(sent..)
            && let Ok(stream) = self.stream_mut(id)
            && stream.phase == Phase::Up
        {
            let count = stream.outgoing.put(rest);
            if count == 0 {
                break;
            }
            sent += count;
            self.pump(id);
        }
        if sent < data.len() {
            self.stream_mut(id)?.signal.deny(Readiness::WRITE);
            self.refresh(id);
        }
        if sent == 0 { Err(Error::WouldBlock) } else { Ok(sent) }
    }

    /// Sends one urgent byte. See [`Mock::send_urgent`](crate::Mock::send_urgent).
    pub(crate) fn send_urgent(&mut self, id: StreamId, byte: u8) -> Result<(), Error> {
        if self.stream(id)?.wire.is_some() {
            return Err(Error::NotSupported);
        }
        self.may_send(id)?;
        let outgoing = &mut self.stream_mut(id)?.outgoing;
        if outgoing.put(&[byte]) == 0 {
            return Err(Error::WouldBlock);
        }
        outgoing.mark();
        self.pump(id);
        Ok(())
    }

    /// The core believes that there is no more room to send.
    pub(crate) fn deny_send(&mut self, id: StreamId) {
        if let Ok(stream) = self.stream_mut(id) {
            stream.signal.deny(Readiness::WRITE);
        }
        self.refresh(id);
    }

    /// Whether a send makes sense; the first call after a failure takes its reason.
    fn may_send(&mut self, id: StreamId) -> Result<(), Error> {
        let stream = self.stream_mut(id)?;
        if let Phase::Connecting(_) = stream.phase {
            stream.signal.deny(Readiness::WRITE);
            return Err(Error::WouldBlock);
        }
        if let Some(error) = stream.error.take() {
            return Err(error);
        }
        if stream.ended || stream.phase == Phase::Over {
            return Err(Error::ConnectionReset);
        }
        Ok(())
    }

    /// Shuts down. See [`Platform::shutdown`](ptk_core::Platform::shutdown).
    pub(crate) fn shutdown(&mut self, id: StreamId, half: Half) -> Result<(), Error> {
        let stream = self.stream_mut(id)?;
        if stream.phase != Phase::Up {
            return Err(Error::NotConnected);
        }
        if half != Half::Write || Mutant::HalfCloseClosesBoth.is_on() {
            stream.deaf = true;
        }
        if half != Half::Read && !Mutant::ShutdownIgnored.is_on() {
            stream.ended = true;
        }
        let peer = stream.peer;
        self.pump(id);
        if let Some(peer) = peer {
            self.pump(peer);
        }
        self.refresh(id);
        Ok(())
    }

    /// The core lets go of this end. Data that nobody received turn a graceful close into a reset.
    pub(crate) fn close_stream(&mut self, id: StreamId, how: Close, now: Instant) {
        let Some(stream) = self.streams.get_mut(id.0) else { return };
        if stream.wire.is_some() {
            return self.close_wire(id, how, now);
        }
        let is_lossy = how == Close::Abort || !stream.incoming.is_empty();
        if is_lossy || stream.phase != Phase::Up {
            if let Some(peer) = self.remove_stream(id).and_then(|stream| stream.peer) {
                self.reset(peer);
            }
            return;
        }
        stream.owner = Owner::Nobody;
        stream.ended = true;
        self.pump(id);
    }

    /// Moves to the peer what it has room for, and behind the last byte the end.
    pub(crate) fn pump(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(id.0) else { return };
        if stream.phase != Phase::Up {
            return;
        }
        if stream.wire.is_some() {
            self.pump_wire(id);
            return self.refresh(id);
        }
        let Some(peer_id) = stream.peer else { return self.pump_to_nobody(id) };
        let Some((stream, peer)) = self.streams.pair_mut(id.0, peer_id.0) else { return };
        if peer.owner == Owner::Nobody && !stream.outgoing.is_empty() {
            // Nobody is left to receive: the answer is a reset.
            self.remove_stream(peer_id);
            return self.reset(id);
        }
        if peer.deaf && peer.end_sent && !stream.outgoing.is_empty() {
            // Who has ended both halves answers data with a reset, and is done with the connection.
            self.reset(peer_id);
            return self.reset(id);
        }
        peer.has_alarm |= stream.outgoing.pour(&mut peer.incoming);
        if stream.ended && stream.outgoing.is_empty() {
            stream.end_sent = true;
            peer.end_arrived = true;
        }
        settle(stream, peer);
        self.let_go(id);
        self.refresh(id);
        self.refresh(peer_id);
    }

    /// As `pump`, when the peer has ended and is gone: data are answered by a reset, an end needs no answer.
    fn pump_to_nobody(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(id.0) else { return };
        if !stream.outgoing.is_empty() {
            return self.reset(id);
        }
        if stream.ended {
            stream.end_sent = true;
            stream.phase = Phase::Over;
        }
        self.let_go(id);
        self.refresh(id);
    }

    /// Removes an end that nobody holds and that has nothing left to send.
    fn let_go(&mut self, id: StreamId) {
        if self.streams.get(id.0).is_some_and(|stream| stream.owner == Owner::Nobody && stream.end_sent) {
            self.remove_stream(id);
        }
    }

    /// A reset arrives.
    fn reset(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(id.0) else { return };
        stream.fail(Error::ConnectionReset);
        if stream.owner == Owner::Nobody {
            self.remove_stream(id);
        }
        self.refresh(id);
    }
}

/// When both sides have ended, nothing ties them together any more.
fn settle(one: &mut Stream, other: &mut Stream) {
    if one.end_sent && other.end_sent {
        for end in [one, other] {
            end.phase = Phase::Over;
            end.peer = None;
        }
    }
}

/// What a receive says when no byte is there: an end that arrived comes before a reset that followed it.
fn nothing_to_receive(stream: &mut Stream) -> Result<Received, Error> {
    let end = Ok(Received { count: 0, rest: Rest::MaybeMore });
    if stream.end_arrived || stream.deaf {
        return end;
    }
    if let Some(error) = stream.error.take() {
        return Err(error);
    }
    if stream.phase == Phase::Over {
        return end;
    }
    stream.signal.deny(Readiness::READ);
    Err(Error::WouldBlock)
}

/// Whether a receive that got something left more behind: data, an end or an error.
fn rest_after(stream: &mut Stream) -> Rest {
    if stream.readiness().has(Readiness::READ) {
        return Rest::MaybeMore;
    }
    stream.signal.deny(Readiness::READ);
    Rest::Drained
}
