//! `discover`, as the one who asks and as a device.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};

use rustix::process::Signal;

use super::process::{Ended, PATIENCE, Process, run};
use super::udp_server;

const REQUEST: &[u8; 24] = b"\x63\0\0\0\0\0\0\0\0\0\0\0abcdefgh\0\0\0\0";

fn ask(to: SocketAddr) -> Ended {
    run("discover", &["--to", &to.to_string(), "--time", "600"])
}

/// A device of this name and serial number, as it answers a request.
fn answer(request: &[u8], serial: u8, name: &str) -> Vec<u8> {
    let item = 34 + name.len() as u8;
    let mut answer = request.to_vec();
    answer[2] = 6 + item;
    answer.extend([1, 0, 0x0C, 0, item, 0, 1, 0]);
    answer.extend([0, 2, 0xAF, 0x12, 10, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0]);
    answer.extend([0x34, 0x12, 14, 0, 55, 0, 20, 11, 0x60, 0x31, serial, 0, 0, 0]);
    answer.push(name.len() as u8);
    answer.extend(name.as_bytes());
    answer.push(3);
    answer
}

/// A device, or several, that answer each request with what `script` makes of it.
fn serve(script: fn(&[u8]) -> Vec<Vec<u8>>) -> SocketAddr {
    udp_server::serve("127.0.0.1:0", move |request, _| script(request))
}

#[test]
fn a_device_is_found_and_described() {
    let to = serve(|request| vec![answer(request, 0x2A, "1756-L61/B")]);
    let ended = ask(to);
    assert_eq!((ended.code, ended.stdout.len(), ended.stderr.len()), (Some(0), 3, 0), "{ended:?}");
    let fields: Vec<&str> = ended.stdout[1].split_whitespace().collect();
    let expected = [&to.to_string(), "4660", "14", "55", "20.11", "0000002a", "0x3160", "operational", "1756-L61/B"];
    assert_eq!(fields, expected);
    assert_eq!(ended.stdout[2], "devices=1 repeated=2 garbage=0 dropped=0");
}

#[test]
fn several_devices_may_answer_from_one_address() {
    let ended = ask(serve(|request| (1..=3).map(|serial| answer(request, serial, "module")).collect()));
    assert_eq!(ended.stdout.last().unwrap(), "devices=3 repeated=6 garbage=0 dropped=0");
}

#[test]
fn garbage_is_counted_and_does_no_harm() {
    let ended = ask(serve(|request| {
        let good = answer(request, 1, "good");
        let mut cut = good.clone();
        cut.pop();
        let mut foreign = good.clone();
        foreign[13] ^= 1;
        let mut beyond = good.clone();
        beyond[28] = 0xFF;
        vec![vec![], b"garbage".to_vec(), vec![0xFF; 1500], request.to_vec(), cut, foreign, beyond, good]
    }));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stdout.last().unwrap(), "devices=1 repeated=2 garbage=21 dropped=0");
}

#[test]
fn a_name_cannot_move_the_cursor() {
    let ended = ask(serve(|request| vec![answer(request, 1, "a\x1b[2Jb")]));
    assert!(ended.stdout[1].ends_with("a\\x1b[2Jb"), "{ended:?}");
}

#[test]
fn devices_beyond_the_limit_are_counted() {
    let ended = ask(serve(|request| {
        let device = |serial: u8, name| answer(request, serial, name);
        (0..=255).map(|serial| device(serial, "a")).chain((0..4).map(|serial| device(serial, "b"))).collect()
    }));
    let last = ended.stdout.last().unwrap();
    assert!(last.starts_with("devices=256 ") && last.ends_with(" dropped=12"), "{last}");
}

#[test]
fn nothing_is_a_failure() {
    for (script, garbage) in
        [(|_: &[u8]| vec![]) as fn(&[u8]) -> Vec<Vec<u8>>, |_| vec![b"x".to_vec()]].into_iter().zip([0, 3])
    {
        let to = serve(script);
        let ended = ask(to);
        assert_eq!((ended.code, ended.stdout.len(), ended.stderr.len()), (Some(1), 0, 1), "{ended:?}");
        let expected = format!("discover: {to}: no device has answered in 600 ms, {garbage} datagrams were garbage");
        assert_eq!(ended.stderr[0], expected);
    }
}

fn respond(arguments: &[&str]) -> (Process, SocketAddr) {
    let arguments = [&["respond", "--listen", "127.0.0.1:0"], arguments].concat();
    Process::serve("discover", &arguments)
}

#[test]
fn a_device_answers_whom_it_is_asked_by() {
    let (device, address) = respond(&["--serial", "4711", "--name", "a device"]);
    let ended = ask(address);
    assert!(ended.stdout[1].contains("00001267") && ended.stdout[1].ends_with("a device"), "{ended:?}");
    device.signal(Signal::TERM);
    let ended = device.end();
    assert_eq!((ended.code, ended.stdout), (Some(0), vec!["answered=3 ignored=0".to_owned()]));
}

#[test]
fn a_device_that_listens_everywhere_gives_the_address_that_is_reached() {
    let (_device, address) = Process::serve("discover", &["respond", "--listen", "0.0.0.0:0"]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send_to(REQUEST, ("127.0.0.1", address.port())).unwrap();
    let mut answer = [0; 200];
    let length = socket.recv(&mut answer).unwrap();
    assert_eq!(answer[12..20], REQUEST[12..20], "the context comes back");
    assert_eq!(answer[36..40], [127, 0, 0, 1], "{:x?}", &answer[..length]);
    assert_eq!(answer[34..36], address.port().to_be_bytes());
}

#[test]
fn a_device_ignores_what_is_no_request() {
    let (device, address) = respond(&[]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut other = *REQUEST;
    other[0] = 4;
    for garbage in [&b""[..], b"x", &REQUEST[..23], &[0xFF; 2000], &other, &answer(REQUEST, 1, "an answer")] {
        socket.send_to(garbage, address).unwrap();
    }
    socket.send_to(REQUEST, address).unwrap();
    let mut answer = [0; 200];
    socket.recv(&mut answer).unwrap();
    assert_eq!(answer[0], 0x63);
    device.signal(Signal::TERM);
    assert_eq!(device.end().stdout, ["answered=1 ignored=6"]);
}

#[test]
fn a_device_answers_over_tcp() {
    let (_device, address) = respond(&["--name", "abc"]);
    let mut peer = TcpStream::connect(address).unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    for round in 0..3 {
        // A command that it does not know in front, with data; both in pieces.
        let mut both = *b"\x6F\0\x02\0\0\0\0\0\0\0\0\0ABCDEFGH\0\0\0\0xy\
            \x63\0\0\0\0\0\0\0\0\0\0\0abcdefgh\0\0\0\0";
        both[19] = b'0' + round;
        for piece in both.chunks(7) {
            peer.write_all(piece).unwrap();
        }
        let mut refusal = [0; 24];
        peer.read_exact(&mut refusal).unwrap();
        assert_eq!((refusal[0], refusal[2], refusal[8], refusal[19]), (0x6F, 0, 1, b'0' + round));
        let mut identity = [0; 24 + 6 + 34 + 3];
        peer.read_exact(&mut identity).unwrap();
        assert_eq!(identity[identity.len() - 4..], *b"abc\x03");
    }
    // More data than a request may have end the connection.
    peer.write_all(b"\x63\0\xFF\xFF\0\0\0\0\0\0\0\0abcdefgh\0\0\0\0").unwrap();
    assert_eq!(peer.read(&mut [0; 100]).unwrap(), 0);
}

#[test]
fn signals_list_its_tasks() {
    let (device, _) = respond(&[]);
    device.signal(Signal::USR1);
    let listing: Vec<String> = (0..10).map(|_| device.complaint()).collect();
    assert!(listing.iter().any(|line| line.contains("datagrams")), "{listing:?}");
}
