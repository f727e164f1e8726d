//! The mock against Linux: random scripts of socket operations run on both, in step, and what each operation shows must be
//! the same. What Linux does later than the mock is waited for; what is ready without an event is a difference, too.
//!
//! `PTK_FIDELITY_SCRIPTS` is how many scripts to run: 100000 take some five minutes. `PTK_FIDELITY_SEED` is the first one's
//! seed; the others follow it.

#[path = "fidelity/deviations.rs"]
mod deviations;
#[path = "fidelity/duel.rs"]
mod duel;
#[path = "fidelity/network.rs"]
mod network;
#[path = "fidelity/random.rs"]
mod random;
#[path = "fidelity/script.rs"]
mod script;
#[path = "fidelity/seen.rs"]
mod seen;
#[path = "fidelity/world.rs"]
mod world;

use deviations::Deviations;
use duel::Course;
use script::Op;

/// How many scripts run by default.
const SCRIPTS: u64 = 1_500;

/// From how many on each deviation must have been met: some are rare, and hang on the time that things take.
const MANY: u64 = 30_000;

/// What scripts must have shown, or they mean nothing.
const SIGHTS: [&str; 14] = [
    "end",
    "WouldBlock",
    "ConnectionReset",
    "ConnectionRefused",
    "NotConnected",
    "AddressInUse",
    "AddressNotAvailable",
    "NoRoute",
    "MessageTooLarge",
    "InvalidArgument",
    "NotSupported",
    "cut",
    "all arrived",
    "some arrived, ConnectionReset",
];

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

#[test]
fn random_scripts_show_the_same_on_the_mock_and_on_linux() {
    network::alone("random_scripts_show_the_same_on_the_mock_and_on_linux", || {
        let first = setting("PTK_FIDELITY_SEED").unwrap_or(1);
        let count = setting("PTK_FIDELITY_SCRIPTS").unwrap_or(SCRIPTS);
        let mut deviations = Deviations::default();
        let mut unseen = SIGHTS.to_vec();
        let mut steps = 0;
        for seed in first..first + count {
            let script = script::script(seed);
            let course = duel::confirm(&script, &mut deviations).expect("a run that counts");
            if course.differs {
                fail(seed, seed - first + 1, &script, &course);
            }
            steps += course.steps.len();
            unseen.retain(|sight| !course.steps.iter().any(|step| step.linux.to_string().contains(sight)));
        }
        println!("{count} scripts, {steps} operations");
        for (name, count) in deviations.counts() {
            println!("{count} times: {name}");
        }
        if first == 1 && count >= SCRIPTS {
            assert!(unseen.is_empty(), "no script showed {unseen:?}");
        }
        if count >= MANY {
            let unmet = deviations.unmet(count);
            assert!(unmet.is_empty(), "no deviation any more: {unmet:?}");
        }
    });
}

fn fail(seed: u64, number: u64, script: &[Op], course: &Course) {
    let shrunk = duel::shrink(script, course);
    let confirmed = duel::confirm(&shrunk, &mut Deviations::default()).filter(|course| course.differs);
    let (operations, course) = confirmed.as_ref().map_or((script.len(), course), |shorter| (shrunk.len(), shorter));
    panic!(
        "mock and Linux differ, script {number}, seed {seed}: {operations} of {} operations, and what is left at the \
         end:\n{}\nTo run it again:\n  PTK_FIDELITY_SEED={seed} PTK_FIDELITY_SCRIPTS=1 cargo test -p ptk-tests --test \
         fidelity\n",
        script.len(),
        duel::transcript(course)
    );
}
