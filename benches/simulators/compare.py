"""Runs the contenders one after the other, some rounds, all on one core, and prints the medians as a table."""

import datetime
import os
import re
import statistics
import subprocess
import sys

CONTENDERS = ["ptk", "turmoil", "turmoil-net", "madsim", "bach", "stateright"]

# Which part of PTK is measured.
CRATES = {"ptk": "ptk-mock"}

# What each job is called in the table, and in what its rate is.
ROWS = {
    "udp": "UDP ping-pong, messages/s",
    "tcp": "TCP ping-pong, segments/s",
    "idle": "the same over UDP with 100 idle nodes: time per message, compared",
    "explore": "exploration, states generated/s",
}

# How long a run takes at least; the job is made large enough for that.
SECONDS = 0.5

# Messages of each client in the job `explore`: 194,481 states.
EXPLORED = 10


def program(contender):
    directory = "target/madsim/release" if contender == "madsim" else "target/release"
    return f"{directory}/bench-{contender}"


def run(contender, job, size):
    """What was done in a second of processor time, and how many it took; None if the contender has no such job."""
    done = subprocess.run([program(contender), job, str(size)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode == 2:
        return None
    if done.returncode != 0:
        sys.exit(f"{contender} {job} {size} failed:\n{done.stderr}")
    count, nanoseconds = map(int, done.stdout.split())
    return count / nanoseconds * 1e9, nanoseconds / 1e9


def size_for(contender, job):
    """How large a job must be to take long enough; None if the contender has no such job."""
    if job == "explore":
        return run(contender, job, 1) and EXPLORED
    size = 100
    while result := run(contender, job, size):
        if result[1] >= SECONDS:
            return size
        # A short run tells little: not too far at once.
        size = int(size * min(20, max(1.2, 1.2 * SECONDS / result[1])))
    return None


def measure(rounds):
    """The rates of all rounds: {(contender, job): [rate, ..]}."""
    sizes = {(contender, job): size_for(contender, job) for job in ROWS for contender in CONTENDERS}
    sizes = {key: size for key, size in sizes.items() if size}
    rates = {key: [] for key in sizes}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        for (contender, job), size in sizes.items():
            rates[contender, job].append(run(contender, job, size)[0])
    return rates


def version(contender):
    crate = CRATES.get(contender, contender)
    with open("Cargo.lock") as lock:
        return re.search(rf'name = "{crate}"\nversion = "(.*)"', lock.read()).group(1)


def cell(rates, contender, job):
    if (contender, job) not in rates:
        return "-"
    found = rates[contender, job]
    if job == "idle":
        ratios = [alone / crowded for alone, crowded in zip(rates[contender, "udp"], found)]
        return f"x {statistics.median(ratios):.2f}"
    return f"{statistics.median(found) / 1e6:.2f} M ({min(found) / 1e6:.2f}-{max(found) / 1e6:.2f})"


def table(rates):
    names = [f"{CRATES.get(contender, contender)} {version(contender)}" for contender in CONTENDERS]
    yield "| | " + " | ".join(names) + " |"
    yield "|---" * (len(CONTENDERS) + 1) + "|"
    for job, title in ROWS.items():
        yield f"| {title} | " + " | ".join(cell(rates, contender, job) for contender in CONTENDERS) + " |"


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def processor():
    with open("/proc/cpuinfo") as info:
        names = [line.split(":")[1].strip() for line in info if line.startswith("model name")]
    return f"{names[0] if names else 'unknown processor'}, {os.cpu_count()} CPUs"


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    cpus = os.sched_getaffinity(0)
    conditions = f"{datetime.date.today()}, {output_of('rustc', '--version')}, {processor()}"
    # The runs inherit it.
    os.sched_setaffinity(0, {min(cpus)})
    rates = measure(rounds)
    print(*table(rates), sep="\n")
    print(f"\nMedian (least-most) of {rounds} rounds on one core. {conditions}.")


main()
