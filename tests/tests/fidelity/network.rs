//! A network of one's own: this test's ports are nobody else's.

use std::process::Command;

/// Marks a process that has one.
const OWN_NETWORK: &str = "PTK_FIDELITY_NETWORK";

/// Connections that are over keep their ports for a minute, and the search for a free port takes long when most are kept:
/// with this limit, most remain free however many scripts run.
const SET_UP: &str = r#"
ip link set lo up
echo 4000 > /proc/sys/net/ipv4/tcp_max_tw_buckets
exec "$0" "$@"
"#;

/// Runs one test again, in a process with a loopback interface that nobody else uses and no way out.
pub(crate) fn alone(test: &str, body: impl FnOnce()) {
    if std::env::var_os(OWN_NETWORK).is_some() {
        return body();
    }
    let program = std::env::current_exe().expect("the program knows itself");
    let status = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net", "sh", "-ec", SET_UP])
        .arg(program)
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(OWN_NETWORK, "1")
        .status()
        .expect("unshare(1) is there");
    assert!(status.success(), "{test} failed in a network of its own: see above");
}
