//! One script on two platforms, in step: where they differ, and the shortest script on which they still do.

use std::fmt::Write;
use std::mem::{Discriminant, discriminant};

use ptk_core::{Duration, Error, Platform};
use ptk_linux::Linux;
use ptk_mock::Mock;

use crate::deviations::Deviations;
use crate::script::Op;
use crate::seen::Seen;
use crate::world::World;

/// How long Linux may take for what the mock does at once: acknowledgements can be delayed by 40 ms, and the machine may be
/// busy.
const PATIENCE: Duration = Duration::from_millis(2_000);

/// The same while a script is being shrunk.
const LESS_PATIENCE: Duration = Duration::from_millis(150);

/// How often a script is run again when what happened does not count, or has to be confirmed.
const RUNS: usize = 4;

/// An operation, and what the two showed.
pub(crate) struct Step {
    pub(crate) op: Op,
    pub(crate) mock: Seen,
    pub(crate) linux: Seen,
}

impl Step {
    /// Whether these are what the two showed.
    pub(crate) fn shows(&self, mock: Seen, linux: Seen) -> bool {
        self.mock == mock && self.linux == linux
    }

    /// Whether nothing was there for either of them.
    fn is_silent(&self) -> bool {
        let says_nothing = matches!(self.mock, Seen::Nothing | Seen::Failed(Error::WouldBlock));
        self.mock == self.linux && (says_nothing || self.mock == Seen::All(Vec::new()))
    }

    /// What is the same for differences of one kind: which operation, and what it showed, but for numbers.
    fn kind(&self) -> (Discriminant<Op>, [String; 2]) {
        let words = [&self.mock, &self.linux]
            .map(|seen| seen.to_string().split(|c: char| !c.is_alphabetic()).take(1).collect());
        (discriminant(&self.op), words)
    }
}

/// How a script went.
pub(crate) struct Course {
    pub(crate) steps: Vec<Step>,
    /// The last step is one that nothing excuses.
    pub(crate) differs: bool,
    is_confused: bool,
}

/// Runs a script until the two differ.
pub(crate) fn run(script: &[Op], deviations: &mut Deviations, patience: Duration) -> Course {
    let (mut mock, mut linux) = (World::new(Mock::new(), Duration::ZERO), World::new(Linux::new(), patience));
    let mut course = Course { steps: Vec::new(), differs: false, is_confused: false };
    for op in script {
        if !step(*op, &mut mock, &mut linux, deviations, &mut course) {
            return course;
        }
    }
    for op in mock.rest() {
        if !step(op, &mut mock, &mut linux, deviations, &mut course) {
            return course;
        }
    }
    course
}

/// Whether the script goes on.
fn step(
    op: Op,
    mock: &mut World<impl Platform>,
    linux: &mut World<impl Platform>,
    deviations: &mut Deviations,
    course: &mut Course,
) -> bool {
    let mocked = mock.run(op, None);
    let real = linux.run(op, Some(&mocked));
    course.is_confused = linux.is_confused || mock.is_confused;
    let is_same = mocked == real;
    let step = Step { op, mock: mocked, linux: real };
    course.differs = !is_same && !deviations.excuse(&step, &course.steps);
    course.steps.push(step);
    // After a deviation the two are in different states.
    is_same && !course.is_confused
}

/// Runs a script; a difference counts if it is there again and again. `None` if it never came to an end that counts.
pub(crate) fn confirm(script: &[Op], deviations: &mut Deviations) -> Option<Course> {
    let mut clear = None;
    let mut differences = 0;
    for _ in 0..RUNS {
        let course = run(script, deviations, PATIENCE);
        match (course.is_confused, course.differs) {
            (true, _) => {}
            (false, false) => return Some(course),
            (false, true) => {
                differences += 1;
                clear = Some(course);
            }
        }
        if differences == 2 {
            break;
        }
    }
    clear
}

/// Leaves out operations as long as the two still differ in the same way as in `course`.
pub(crate) fn shrink(script: &[Op], course: &Course) -> Vec<Op> {
    let mut script = script.to_vec();
    let kind = course.steps.last().map(Step::kind);
    let mut size = script.len().div_ceil(2);
    loop {
        let mut place = 0;
        let before = script.len();
        while place < script.len() {
            let end = (place + size).min(script.len());
            let shorter: Vec<_> = script[..place].iter().chain(&script[end..]).copied().collect();
            let course = run(&shorter, &mut Deviations::default(), LESS_PATIENCE);
            if course.differs && !course.is_confused && course.steps.last().map(Step::kind) == kind {
                script = shorter;
            } else {
                place += size;
            }
        }
        if size == 1 && script.len() == before {
            return script;
        }
        size = size.div_ceil(2);
    }
}

/// What both showed, one operation a line.
pub(crate) fn transcript(course: &Course) -> String {
    let mut text = String::new();
    for step in course.steps.iter().filter(|step| !step.is_silent()) {
        let line = if step.mock == step.linux {
            writeln!(text, "  {:?}\n      both:  {}", step.op, step.mock)
        } else {
            writeln!(text, "  {:?}\n      mock:  {}\n      linux: {}", step.op, step.mock, step.linux)
        };
        line.expect("a string takes all");
    }
    text
}
