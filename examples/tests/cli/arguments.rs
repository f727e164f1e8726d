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
    for program in ["echo", "events"] {
        let ended = run(program, &["--help"]);
        assert_eq!(ended.code, Some(0));
        assert!(ended.stdout[0].starts_with("Usage: "));
    }
}

#[test]
fn wrong_arguments_are_one_line_of_complaint() {
    let wrong: [(&str, &[&str]); 22] = [
        ("modbus", &["--bogus"]),
        ("modbus", &["bogus"]),
        ("modbus", &["--seconds"]),
        ("modbus", &["--seconds", "0"]),
        ("modbus", &["--seconds", "5", "extra"]),
        ("modbus", &["server", "--listen"]),
        ("modbus", &["server", "--listen", "127.0.0.1"]),
        ("modbus", &["server", "--listen", "127.0.0.1:65536"]),
        ("modbus", &["server", "extra"]),
        ("modbus", &["server", "--idle", "soon"]),
        ("modbus", &["client"]),
        ("modbus", &["client", "plc.example:502"]),
        ("modbus", &["client", "127.0.0.1"]),
        ("modbus", &["client", "127.0.0.1:0"]),
        ("modbus", &["client", "127.0.0.1:502", "127.0.0.1:503"]),
        ("modbus", &["client", "127.0.0.1:502", "--polls", "0"]),
        ("modbus", &["client", "127.0.0.1:502", "--unit", "256"]),
        ("echo", &["--connections", "0"]),
        ("echo", &["--connections", "10001"]),
        ("echo", &["--listen", ""]),
        ("echo", &["extra"]),
        ("events", &["extra"]),
    ];
    for (program, arguments) in wrong {
        let ended = run(program, arguments);
        assert_eq!(ended.code, Some(2), "{program} {arguments:?}");
        assert_eq!((ended.stdout.len(), ended.stderr.len()), (0, 1), "{program} {arguments:?}: {ended:?}");
        assert!(ended.stderr[0].starts_with(program), "{ended:?}");
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
