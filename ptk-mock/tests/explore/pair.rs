//! Two words from one node to another: as two datagrams, or as two writes into one connection.

use std::net::SocketAddr;

use ptk_core::prelude::*;
use ptk_mock::{Boot, Scenario, World};

/// Says its words, as datagrams.
#[derive(Clone, Hash, Debug)]
struct Greeter {
    pt: Pt,
    to: SocketAddr,
    socket: UdpSocket,
}

impl<P: Platform> Protothread<P> for Greeter {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = cx.udp_socket(([0, 0, 0, 0], 0).into())?;
        wait!(cx.send_to(self.socket, b"ab", self.to))?;
        wait!(cx.send_to(self.socket, b"cd", self.to))?;
        cx.close(self.socket)
    }
}

#[derive(Clone, Hash, Debug)]
struct Hearer {
    pt: Pt,
    socket: UdpSocket,
    heard: Buffer<8>,
}

impl<P: Platform> Protothread<P> for Hearer {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = cx.udp_socket(([0, 0, 0, 0], 7).into())?;
        while self.heard.readable().len() < 4 {
            wait!(cx.recv_from(self.socket, &mut self.heard))?;
        }
        cx.close(self.socket)
    }
}

fn heard(world: &World) -> &[u8] {
    world.app::<[Hearer; 1]>("hearer").map_or(&[], |app| app[0].heard.readable())
}

/// Two datagrams.
pub(crate) fn datagrams() -> Scenario {
    let hearer = |_: &Boot| [Hearer { pt: Pt::new(), socket: UdpSocket::NONE, heard: Buffer::new() }];
    let greeter = |boot: &Boot| [Greeter { pt: Pt::new(), to: boot.address("hearer", 7), socket: UdpSocket::NONE }];
    Scenario::new("datagrams")
        .node_sized::<_, 1, 1, 0, 0, 0>("hearer", hearer)
        .node_sized::<_, 1, 1, 0, 0, 0>("greeter", greeter)
        .may_leave_open()
}

/// Two datagrams, of which none may be missing.
pub(crate) fn complete_datagrams() -> Scenario {
    datagrams().eventually("all is heard", Duration::ZERO, |world| heard(world).len() == 4)
}

/// Two datagrams that must come in order.
pub(crate) fn ordered_datagrams() -> Scenario {
    datagrams().always("in order", |world| b"abcd".starts_with(heard(world)))
}

/// Says its words into a connection.
#[derive(Clone, Hash, Debug)]
struct Caller {
    pt: Pt,
    to: SocketAddr,
    socket: TcpSocket,
    words: Buffer<4>,
}

impl<P: Platform> Protothread<P> for Caller {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = wait!(cx.connect(self.to))?;
        self.words.put_slice(b"ab")?;
        wait!(cx.send_all(self.socket, &mut self.words))?;
        self.words.put_slice(b"cd")?;
        wait!(cx.send_all(self.socket, &mut self.words))?;
        cx.close(self.socket)
    }
}

/// Hears words of two bytes; the careless one believes that a read gets a whole word.
#[derive(Clone, Hash, Debug)]
struct Called {
    pt: Pt,
    is_careful: bool,
    listener: TcpListener,
    socket: TcpSocket,
    word: Buffer<2>,
    words: Vec<Vec<u8>>,
}

impl<P: Platform> Protothread<P> for Called {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.listener = cx.listen(([0, 0, 0, 0], 7).into())?;
        self.socket = wait!(cx.accept(self.listener))?;
        while self.words.len() < 2 {
            self.word.clear();
            if self.is_careful {
                wait!(cx.recv_exact(self.socket, &mut self.word, 2))?;
            } else {
                wait!(cx.recv(self.socket, &mut self.word))?;
            }
            self.words.push(self.word.readable().to_vec());
        }
        cx.close(self.socket)?;
        cx.close(self.listener)
    }
}

/// Two words through a connection.
pub(crate) fn connection(is_careful: bool) -> Scenario {
    let words = |world: &World| world.app::<[Called; 1]>("called").map_or(Vec::new(), |app| app[0].words.clone());
    let called = move |_: &Boot| {
        let (listener, socket) = (TcpListener::NONE, TcpSocket::NONE);
        [Called { pt: Pt::new(), is_careful, listener, socket, word: Buffer::new(), words: Vec::new() }]
    };
    let caller = |boot: &Boot| {
        [Caller { pt: Pt::new(), to: boot.address("called", 7), socket: TcpSocket::NONE, words: Buffer::new() }]
    };
    Scenario::new("connection")
        .node_sized::<_, 1, 2, 0, 0, 0>("called", called)
        .node_sized::<_, 1, 1, 0, 0, 0>("caller", caller)
        .always("words come whole and in order", move |world| {
            [b"ab".to_vec(), b"cd".to_vec()].starts_with(&words(world))
        })
        .sometimes("all was heard", move |world| words(world).len() == 2)
}

/// Rests, again and again.
#[derive(Clone, Hash, Debug)]
struct Ticker {
    pt: PtTimed,
}

impl<P: Platform> Protothread<P> for Ticker {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        loop {
            wait!(sleep!(Duration::from_millis(20)));
        }
    }
}

/// A node that is where it was again and again, only later.
pub(crate) fn ticker() -> Scenario {
    Scenario::new("ticker").node_sized::<_, 1, 0, 0, 0, 0>("ticker", |_: &Boot| [Ticker { pt: PtTimed::new() }])
}
