//! What the system knows about names, and randomness.

mod harness;

use std::ffi::CString;
use std::net::IpAddr;
use std::path::PathBuf;

use harness::*;
use ptk_core::{NameService, Platform};
use ptk_linux::{Linux, interface_index};

/// Files in a directory that goes away.
struct Files(PathBuf);

impl Files {
    fn new(test: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("ptk-linux-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        Files(directory)
    }

    fn path(&self, name: &str) -> CString {
        CString::new(self.0.join(name).into_os_string().into_encoded_bytes()).unwrap()
    }

    fn write(&self, name: &str, text: &[u8]) -> CString {
        std::fs::write(self.0.join(name), text).unwrap();
        self.path(name)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// All that is told, as text.
fn name_service(linux: &mut Linux<'_>) -> Vec<String> {
    let mut all = Vec::new();
    linux.name_service(&mut |what| {
        all.push(match what {
            NameService::Server(server) => format!("{server}"),
            other => format!("{other:?}"),
        });
    });
    all
}

fn addresses(linux: &mut Linux<'_>, name: &str) -> Vec<IpAddr> {
    let mut all = Vec::new();
    linux.host_addresses(name, &mut |address| all.push(address));
    all
}

#[test]
fn servers_and_hosts_are_read_anew_each_time() {
    let files = Files::new("anew");
    let conf = files.write("resolv.conf", b"nameserver 192.0.2.1\nsearch example.com\n");
    let hosts = files.write("hosts", b"192.0.2.7 printer\n");
    let mut linux = Linux::new();
    linux.set_name_files(&conf, &hosts);
    assert_eq!(name_service(&mut linux), ["192.0.2.1:53", "Search(\"example.com\")"]);
    assert_eq!(addresses(&mut linux, "printer"), [IpAddr::from([192, 0, 2, 7])]);
    files.write("resolv.conf", b"nameserver fe80::1%lo\noptions ndots:3");
    files.write("hosts", b"# moved\n192.0.2.8 PRINTER # here\n::1 other\n2001:db8::8 lp printer");
    let index = interface_index("lo").unwrap();
    assert_eq!(name_service(&mut linux), [format!("[fe80::1%{index}]:53"), "Ndots(3)".into()]);
    assert_eq!(
        addresses(&mut linux, "printer"),
        [IpAddr::from([192, 0, 2, 8]), "2001:db8::8".parse().unwrap()],
        "both lines, in their order"
    );
    assert!(addresses(&mut linux, "nobody").is_empty());
}

#[test]
fn what_cannot_be_read_says_nothing() {
    let files = Files::new("unreadable");
    let fifo = files.path("fifo");
    // SAFETY: a string that ends.
    assert_eq!(unsafe { libc::mkfifo(fifo.as_ptr(), 0o600) }, 0);
    let directory = CString::new(files.0.clone().into_os_string().into_encoded_bytes()).unwrap();
    let empty = files.write("empty", b"");
    for path in [files.path("missing"), directory, empty, fifo, c"/dev/zero".into(), c"/dev/null".into(), c"".into()] {
        let mut linux = open(Linux::new());
        linux.set_name_files(&path, &path);
        assert!(name_service(&mut linux).is_empty(), "{path:?}");
        assert!(addresses(&mut linux, "localhost").is_empty(), "{path:?}");
    }
}

#[test]
fn a_large_file_is_read_to_its_end_and_a_huge_one_to_the_limit() {
    let files = Files::new("large");
    let mut text = b"192.0.2.1 first\n".to_vec();
    while text.len() < 3 << 20 {
        text.extend_from_slice(b"0.0.0.0 tracker.example.org\n");
    }
    text.extend_from_slice(b"192.0.2.2 last\n");
    let large = files.write("large", &text);
    text.extend_from_slice(&b"0.0.0.0 tracker.example.org\n".repeat(100_000));
    text.extend_from_slice(b"192.0.2.3 beyond\n");
    let huge = files.write("huge", &text);
    let mut linux = Linux::new();
    linux.set_name_files(&large, &large);
    assert_eq!(addresses(&mut linux, "last"), [IpAddr::from([192, 0, 2, 2])]);
    linux.set_name_files(&huge, &huge);
    assert_eq!(addresses(&mut linux, "first"), [IpAddr::from([192, 0, 2, 1])]);
    assert!(addresses(&mut linux, "beyond").is_empty());
}

#[test]
fn hostile_files_are_survived() {
    let files = Files::new("hostile");
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let words: [&[u8]; 18] = [
        b"nameserver",
        b"search",
        b"domain",
        b"options",
        b" ",
        b"\t",
        b"\n",
        b"\r\n",
        b"#",
        b";",
        b"ndots:",
        b"%",
        b":",
        b".",
        b"1.2.3.4",
        b"fe80::1",
        b"\0",
        b"\xff\xc0",
    ];
    for _ in 0..300 {
        let mut text = Vec::new();
        while text.len() < 9000 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let word = words[(seed % 18) as usize];
            let times = if seed.is_multiple_of(61) { 2000 } else { 1 };
            text.extend_from_slice(&word.repeat(times));
        }
        let path = files.write("file", &text);
        let mut linux = Linux::new();
        linux.set_name_files(&path, &path);
        let told = name_service(&mut linux);
        assert!(told.iter().filter(|told| told.ends_with(":53")).count() <= 3, "{told:?}");
        assert!(told.iter().filter(|told| told.starts_with("Search")).count() <= 6, "{told:?}");
        addresses(&mut linux, "search");
        addresses(&mut linux, "");
    }
}

#[test]
fn no_descriptor_is_left_open() {
    in_process_of_its_own("no_descriptor_is_left_open", || {
        let before = descriptors();
        let mut linux = Linux::new();
        name_service(&mut linux);
        addresses(&mut linux, "localhost");
        interface_index("lo").unwrap();
        assert_eq!(descriptors(), before);
    });
}

#[test]
fn random_bytes_fill_the_whole_buffer_and_differ() {
    let mut linux = Linux::new();
    let mut seen = Vec::new();
    // One call gives less than 32 MiB (getrandom(2)).
    for length in [0, 1, 16, 255, 256, 257, 100_000, 1 << 26] {
        let mut bytes = vec![0; length];
        assert_eq!(linux.entropy(&mut bytes), Ok(()));
        if length >= 16 {
            let (front, back) = (bytes[..16].to_vec(), bytes[length - 16..].to_vec());
            assert_ne!(back, [0; 16], "filled to its end");
            assert!(!seen.contains(&front), "{front:?} twice");
            seen.push(front);
        }
    }
}
