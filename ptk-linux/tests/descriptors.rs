//! Descriptors: who holds them, for how long, and who hears of them.

mod harness;

use std::io::Write;
use std::net::TcpStream;
use std::sync::Mutex;

use harness::*;
use ptk_core::{Close, Options, Platform, Readiness};
use ptk_linux::{Linux, Port, Socket};

#[test]
fn nothing_is_open_before_open_nor_after_drop() {
    in_process_of_its_own("nothing_is_open_before_open_nor_after_drop", || {
        static PORT: Port<4> = Port::new();
        let before = descriptors();
        let linux = Linux::with_port(&PORT);
        assert_eq!(descriptors(), before);
        let mut linux = open(linux);
        assert_eq!(descriptors().len(), before.len() + 3, "epoll, timerfd and eventfd");
        let listener = linux.open_listener(V4, &Options::DEFAULT, token(1)).unwrap();
        assert_eq!(descriptors().len(), before.len() + 4);
        drop(listener);
        drop(linux);
        assert_eq!(descriptors().len(), before.len() + 1, "a static port keeps its eventfd");
    });
}

#[test]
fn an_open_that_fails_keeps_nothing() {
    in_process_of_its_own("an_open_that_fails_keeps_nothing", || {
        let port = Port::<1>::new();
        let mut linux = Linux::with_port(&port);
        for room in 0..3 {
            let mut spare = fill_descriptors();
            spare.truncate(spare.len() - room);
            let before = descriptors();
            assert_eq!(linux.open(), Err(ptk_core::Error::TooManyDescriptors), "with room for {room}");
            assert_eq!(linux.last_os_error(), Some(libc::EMFILE));
            assert_eq!(descriptors(), before);
        }
        assert_eq!(linux.open(), Ok(()), "it can be tried again");
    });
}

#[test]
fn all_descriptors_are_cloexec() {
    in_process_of_its_own("all_descriptors_are_cloexec", || {
        let before = descriptors();
        let port = Port::<4>::new();
        let mut linux = open(Linux::with_port(&port));
        let mut listener = linux.open_listener(V4, &Options::DEFAULT, token(1)).unwrap();
        let address = linux.local_address(&listener).unwrap();
        let _stream = connect(&mut linux, address, token(2), &Options::DEFAULT);
        let _accepted = accept(&mut linux, &mut listener, token(3));
        let ours: Vec<i32> = descriptors().into_iter().filter(|fd| !before.contains(fd)).collect();
        assert_eq!(ours.len(), 6, "epoll, timerfd, eventfd, listener, stream, accepted");
        for fd in ours {
            // SAFETY: no pointers.
            let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
            let what = std::fs::read_link(format!("/proc/self/fd/{fd}")).unwrap();
            assert_eq!(flags, libc::FD_CLOEXEC, "{}", what.display());
        }
    });
}

/// What both kinds of holders must not make heard: a socket, closed here, whose peer goes on.
fn close_while_held(linux: &mut Linux<'_>, hold: impl FnOnce()) {
    let (socket, mut peer) = connection(linux, token(1));
    hold();
    take_events(linux);
    linux.close(socket, Close::Graceful);
    peer.write_all(b"anybody there?").unwrap();
    drop(peer);
    let (heard, _) = listen_for(linux, SILENCE);
    assert_eq!(heard.sockets, [], "it was closed");
}

#[test]
fn a_closed_socket_reports_nothing_even_if_a_fork_holds_it() {
    in_process_of_its_own("a_closed_socket_reports_nothing_even_if_a_fork_holds_it", || {
        let mut linux = open(Linux::new());
        let mut child = 0;
        close_while_held(&mut linux, || {
            // SAFETY: the child makes nothing but system calls.
            child = unsafe { libc::fork() };
            if child == 0 {
                // It must not outlive a test that fails.
                // SAFETY: no pointers.
                unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
                loop {
                    // SAFETY: no precondition.
                    unsafe { libc::pause() };
                }
            }
            assert!(child > 0);
        });
        // SAFETY: the child of above, and nobody has waited for it.
        unsafe {
            libc::kill(child, libc::SIGKILL);
            libc::waitpid(child, std::ptr::null_mut(), 0);
        }
    });
}

#[test]
fn a_closed_socket_reports_nothing_even_if_a_duplicate_holds_it() {
    in_process_of_its_own("a_closed_socket_reports_nothing_even_if_a_duplicate_holds_it", || {
        let mut linux = open(Linux::new());
        let before = descriptors();
        close_while_held(&mut linux, || {
            for fd in descriptors().into_iter().filter(|fd| !before.contains(fd)) {
                // The peer is among them, so its end is not seen either; its data are.
                // SAFETY: no pointers.
                assert!(unsafe { libc::dup(fd) } >= 0);
            }
        });
    });
}

#[test]
fn a_new_socket_on_an_old_number_hears_its_own_events_only() {
    let mut linux = open(Linux::new());
    for round in 0..100 {
        let (socket, mut peer) = connection(&mut linux, token(round));
        take_events(&mut linux);
        peer.write_all(b"for the old one").unwrap();
        linux.close(socket, Close::Graceful);
        let (socket, _peer) = connection(&mut linux, token(1000 + round));
        let heard = take_events(&mut linux);
        assert!(heard.sockets.iter().all(|(told, _)| *told == token(1000 + round)), "{heard:?}");
        assert!(!heard.readiness(token(1000 + round)).has(Readiness::READ));
        linux.close(socket, Close::Abort);
    }
}

#[test]
fn a_dropped_socket_is_released_too() {
    let mut linux = open(Linux::new());
    let listener = linux.open_listener(V4, &Options::DEFAULT, token(1)).unwrap();
    let address = linux.local_address(&listener).unwrap();
    drop(listener);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_static_table_of_closed_sockets_takes_no_room_in_the_file() {
    // What can change, as all that belongs to a loop; constants would be in .rodata.
    static TABLE: Mutex<[Socket; 100_000]> = Mutex::new([const { Linux::CLOSED }; 100_000]);
    static LINUX: Mutex<Linux<'static>> = Mutex::new(Linux::new());
    static PORT: Port<16> = Port::new();
    unsafe extern "C" {
        static __bss_start: u8;
        static _end: u8;
    }
    let bss = &raw const __bss_start as usize..&raw const _end as usize;
    for (what, address) in [
        ("the table", &raw const TABLE as usize),
        ("the platform", &raw const LINUX as usize),
        ("the port", &raw const PORT as usize),
    ] {
        assert!(bss.contains(&address), "{what} is not in .bss");
    }
}
