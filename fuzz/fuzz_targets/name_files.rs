//! The files in which Linux keeps what it knows of names. Their parsers are private to ptk-linux, so their sources are
//! part of this target, between what they need of that crate.
#![no_main]

#[path = "../../ptk-linux/src/hosts.rs"]
#[allow(dead_code, reason = "the path of the real file")]
mod hosts;
#[path = "../../ptk-linux/src/lines.rs"]
mod lines;
#[path = "../../ptk-linux/src/resolv_conf.rs"]
#[allow(dead_code, reason = "the path of the real file")]
mod resolv_conf;

mod interface {
    pub(crate) fn interface_index(name: &str) -> Result<u32, ptk_core::Error> {
        if name == "eth0" { Ok(2) } else { Err(ptk_core::Error::InvalidArgument) }
    }
}

mod socket {
    use rustix::io::Errno;

    pub(crate) fn uninterrupted<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
        call()
    }
}

use std::cell::OnceCell;
use std::ffi::CString;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use libfuzzer_sys::fuzz_target;
use ptk_core::NameService;
use rustix::fs::{MemfdFlags, memfd_create};

thread_local! {
    /// A file in memory, and the path at which it can be opened.
    static FILE: OnceCell<(File, CString)> = const { OnceCell::new() };
}

fn new_file() -> (File, CString) {
    let file = File::from(memfd_create("names", MemfdFlags::CLOEXEC).expect("there is memory"));
    let path = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd())).expect("digits");
    (file, path)
}

/// What may be told: three servers, six domains, and options within their caps.
fn check_resolv_conf(path: &CString) {
    let (mut servers, mut domains) = (0, 0);
    let read = resolv_conf::read(path, &mut |item| match item {
        NameService::Server(server) => {
            servers += 1;
            assert!(server.port() == 53 && !server.ip().is_unspecified());
        }
        NameService::Search(domain) => {
            domains += 1;
            assert!(domain.is_ascii() && (1..=253).contains(&domain.len()) && !domain.contains(' '));
        }
        NameService::Ndots(dots) => assert!(dots <= 15),
        NameService::Timeout(seconds) => assert!((1..=30).contains(&seconds)),
        NameService::Attempts(attempts) => assert!((1..=5).contains(&attempts)),
        _ => {}
    });
    assert!(read.is_ok() && servers <= 3 && domains <= 6);
}

fn check_hosts(path: &CString, most: usize) {
    let mut told = 0;
    let read = hosts::read(path, "a", &mut |_| told += 1);
    // A line with an address and a name has four bytes at least: `::`, a space, the name.
    assert!(read.is_ok() && told <= most / 4);
}

fuzz_target!(|text: &[u8]| {
    FILE.with(|file| {
        let (file, path) = file.get_or_init(new_file);
        file.set_len(0).expect("it is a file");
        file.write_all_at(text, 0).expect("there is memory");
        check_resolv_conf(path);
        check_hosts(path, text.len());
    });
});
