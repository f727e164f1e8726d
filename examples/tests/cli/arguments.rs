//! Command lines, right and wrong.

use std::net::TcpListener;

use super::process::run;

#[test]
fn help_is_printed() {
    for arguments in [&["--help"][..], &["-h"], &["server", "--help"], &["client", "127.0.0.1:1", "--help"]] {
        let ended = run("modbus", arguments);
        assert_eq!((ended.code, ended.stderr.len()), (Some(0), 0), "{arguments:?}");
        assert!(ended.stdout[0].starts_with("Usage: modbus"), "{:?}", ended.stdout);
    }
    for program in ["arq", "chat", "discover", "echo", "events", "http_get", "sntp"] {
        let ended = run(program, &["--help"]);
        assert_eq!(ended.code, Some(0));
        assert!(ended.stdout[0].starts_with("Usage: "));
    }
}

#[test]
fn wrong_arguments_are_one_line_of_complaint() {
    let wrong: [(&str, &[&str]); 80] = [
        ("modbus", &["--bogus"]),
        ("modbus", &["bogus"]),
        ("modbus", &["--seconds"]),
        ("modbus", &["--seconds", "0"]),
        ("modbus", &["--seconds", "5", "extra"]),
        ("modbus", &["demo", "extra"]),
        ("modbus", &["demo", "--backend", "bsd"]),
        ("modbus", &["demo", "--seed", "1"]),
        ("modbus", &["demo", "--backend", "mock", "--seed", "-1"]),
        ("modbus", &["server", "--listen"]),
        ("modbus", &["server", "--listen", "127.0.0.1"]),
        ("modbus", &["server", "--listen", "127.0.0.1:65536"]),
        ("modbus", &["server", "extra"]),
        ("modbus", &["server", "--idle", "soon"]),
        ("modbus", &["client"]),
        ("modbus", &["client", "plc.example:502"]),
        ("modbus", &["client", "127.0.0.1"]),
        ("modbus", &["client", "127.0.0.1:0"]),
        ("modbus", &["client", "0.0.0.0:502"]),
        ("modbus", &["client", "127.0.0.1:502", "127.0.0.1:503"]),
        ("modbus", &["client", "127.0.0.1:502", "--polls", "0"]),
        ("modbus", &["client", "127.0.0.1:502", "--unit", "256"]),
        ("arq", &[]),
        ("arq", &["extra"]),
        ("arq", &["send"]),
        ("arq", &["send", "127.0.0.1:0"]),
        ("arq", &["send", "127.0.0.1:7", "--size", "129"]),
        ("arq", &["send", "127.0.0.1:7", "--size", "3"]),
        ("arq", &["receive", "--loss", "91"]),
        ("arq", &["prove", "--seeds", "0"]),
        ("arq", &["break", "--variant", "correct"]),
        ("echo", &["--connections", "0"]),
        ("echo", &["--connections", "10001"]),
        ("echo", &["--listen", ""]),
        ("echo", &["extra"]),
        ("echo", &["--udp", "--connections", "5"]),
        ("echo", &["client"]),
        ("echo", &["client", "--udp"]),
        ("echo", &["client", "127.0.0.1:0"]),
        ("echo", &["client", "[fe80::1]:7"]),
        ("echo", &["client", "127.0.0.1:7", "127.0.0.1:8"]),
        ("echo", &["client", "127.0.0.1:7", "--count", "0"]),
        ("echo", &["client", "127.0.0.1:7", "--size", "3"]),
        ("echo", &["client", "127.0.0.1:7", "--size", "4097"]),
        ("echo", &["client", "127.0.0.1:7", "--timeout", "0"]),
        ("echo", &["client", "127.0.0.1:7", "--bogus"]),
        ("events", &["extra"]),
        ("http_get", &[]),
        ("http_get", &["--bogus"]),
        ("http_get", &["server.com/path"]),
        ("http_get", &["https://server.com/"]),
        ("http_get", &["http://server.com:0/"]),
        ("http_get", &["http://server.com/", "http://server.com/"]),
        ("http_get", &["--resolver", "dns.example:53", "http://server.com/"]),
        ("http_get", &["--patience", "0", "http://server.com/"]),
        ("discover", &["extra"]),
        ("discover", &["--to"]),
        ("discover", &["--to", "10.0.0.255"]),
        ("discover", &["--to", "[::1]:44818"]),
        ("discover", &["--to", "127.0.0.1:0"]),
        ("discover", &["--time", "99"]),
        ("discover", &["respond", "extra"]),
        ("discover", &["respond", "--listen", "[::1]:0"]),
        ("discover", &["respond", "--serial", "-1"]),
        ("discover", &["respond", "--name", "a name of more than thirty-two characters"]),
        ("discover", &["respond", "--name", "grün"]),
        ("sntp", &[]),
        ("sntp", &["--bogus"]),
        ("sntp", &["127.0.0.1:0"]),
        ("sntp", &["0.0.0.0"]),
        ("sntp", &["127.0.0.1", "127.0.0.2"]),
        ("sntp", &["127.0.0.1:123456"]),
        ("sntp", &["time server"]),
        ("chat", &[]),
        ("chat", &["--bogus"]),
        ("chat", &["239.1.2.3"]),
        ("chat", &["127.0.0.1:7007"]),
        ("chat", &["[ff02::1]:7007"]),
        ("chat", &["239.1.2.3:0"]),
        ("chat", &["--interface", "nosuchthing", "239.1.2.3:7007"]),
    ];
    for (program, arguments) in wrong {
        let ended = run(program, arguments);
        assert_eq!(ended.code, Some(2), "{program} {arguments:?}");
        assert_eq!((ended.stdout.len(), ended.stderr.len()), (0, 1), "{program} {arguments:?}: {ended:?}");
        assert!(ended.stderr[0].starts_with(&format!("{program}: ")), "{ended:?}");
    }
}

#[test]
fn a_host_that_cannot_be_is_named_with_what_is_wrong() {
    let long = format!("{}.com", "x".repeat(64));
    for (host, reason) in [
        ("a..b", "1 to 63"),
        (&long, "1 to 63"),
        ("256.1.1.1", "four numbers"),
        ("1.2.3", "four numbers"),
        ("0.0.0.0", "no host"),
        ("[::]", "no host"),
        ("[fe80::1]", "interface"),
    ] {
        for (program, argument) in [("http_get", format!("http://{host}/")), ("sntp", host.to_owned())] {
            let ended = run(program, &[&argument]);
            assert_eq!((ended.code, ended.stdout.len(), ended.stderr.len()), (Some(2), 0, 1), "{argument}: {ended:?}");
            let complaint = &ended.stderr[0];
            assert!(complaint.contains(&format!("`{argument}`")) && complaint.contains(reason), "{ended:?}");
        }
    }
}

#[test]
fn a_resolver_that_cannot_be_is_named_with_what_is_wrong() {
    for (resolver, reason) in [("0.0.0.0:53", "no host"), ("127.0.0.1:0", "port"), ("[fe80::1]:53", "interface")] {
        for (program, argument) in [("http_get", "http://server.test/"), ("sntp", "server.test")] {
            let ended = run(program, &["--resolver", resolver, argument]);
            assert_eq!((ended.code, ended.stdout.len(), ended.stderr.len()), (Some(2), 0, 1), "{ended:?}");
            let expected = format!("--resolver `{resolver}`: ");
            assert!(ended.stderr[0].contains(&expected) && ended.stderr[0].contains(reason), "{ended:?}");
        }
    }
}

#[test]
fn names_that_are_not_looked_up_are_refused_by_name() {
    let ended = run("modbus", &["client", "plc.example:502"]);
    assert!(ended.stderr[0].contains("`plc.example:502`") && ended.stderr[0].contains("localhost"), "{ended:?}");
}

#[test]
fn a_busy_port_is_one_line_of_complaint() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    for (program, arguments) in [("modbus", vec!["server", "--listen", &address]), ("echo", vec!["--listen", &address])]
    {
        let ended = run(program, &arguments);
        assert_eq!((ended.code, ended.stdout.len(), ended.stderr.len()), (Some(1), 0, 1), "{ended:?}");
        assert!(ended.stderr[0].contains(&address) && ended.stderr[0].contains("address in use"), "{ended:?}");
    }
}
