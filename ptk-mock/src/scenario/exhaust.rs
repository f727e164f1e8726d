//! All answers to what one world asks.

use std::collections::VecDeque;
use std::fmt;

use super::Scenario;
use super::course::Course;
use crate::chooser::Decider;
use crate::failure::Failure;
use crate::trace::TraceLog;

/// What an exhaustive check that found nothing wrong has seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Exhausted {
    /// How many runs there were.
    pub runs: usize,
    /// The most answers of one run that were not benign.
    pub deviations: usize,
    /// Whether all answers were tried.
    pub complete: bool,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extent = if self.complete { "complete" } else { "cut short" };
        write!(f, "{extent}: {} runs, with up to {} answers that are not benign", self.runs, self.deviations)
    }
}

impl Scenario {
    /// Runs the world of seed 0 again and again, with all answers to all that its [`faults`](Self::faults) and links ask:
    /// rates other than 0 do not count. First there is the run in which all answers are benign, then those with one
    /// other answer, then those with two; so what is found is found with as few as can be. Of many answers to one
    /// question the first, the next and the last are tried. Packets take the shortest time that their link allows.
    ///
    /// It stops after `most_runs`: the number of runs grows fast with that of the questions, so ask little, with
    /// [`Faults::rate`](crate::Faults::rate) for one label, in a short world.
    ///
    /// # Errors
    ///
    /// What did not hold. Its command runs it again with [`replay`](Self::replay), as any other.
    pub fn exhaust(&self, most_runs: usize) -> Result<Exhausted, Box<Failure>> {
        let mut scripts = VecDeque::from([Vec::new()]);
        let mut exhausted = Exhausted { runs: 0, deviations: 0, complete: true };
        while let Some(script) = scripts.pop_front() {
            if exhausted.runs >= most_runs {
                exhausted.complete = false;
                break;
            }
            exhausted.runs += 1;
            exhausted.deviations = script.iter().filter(|answer| **answer != 0).count();
            let course = self.scripted(&script);
            if course.violation.is_some() {
                return Err(Box::new(self.failed(course)));
            }
            let room = most_runs.saturating_sub(exhausted.runs + scripts.len());
            let mut next = deviations(&script, &course.asked);
            scripts.extend(next.by_ref().take(room));
            exhausted.complete &= next.next().is_none();
        }
        Ok(exhausted)
    }

    fn scripted(&self, script: &[u32]) -> Course {
        let decider = Decider::Script { answers: script.into(), asked: Vec::new() };
        self.follow(self.make(0, decider, self.faults, TraceLog::new(false)))
    }

    /// Once more, from the tape, to be drawn.
    fn failed(&self, course: Course) -> Failure {
        let again = self.course(0, Some(&course.tape), true);
        let (course, len) = (if again.violation.is_some() { again } else { course.clone() }, course.tape.0.len());
        match Failure::of(self, 0, course, len) {
            Some(failure) => failure,
            None => unreachable!("the course has a violation"),
        }
    }
}

/// The scripts with one answer more that is not benign, behind all of this one. So each comes once.
pub(crate) fn deviations<'a>(script: &'a [u32], asked: &'a [u32]) -> impl Iterator<Item = Vec<u32>> + 'a {
    let places = asked.iter().enumerate().skip(script.len());
    places.flat_map(move |(place, n)| {
        let last = n.saturating_sub(1);
        let answers = [(last >= 1).then_some(1), (last > 1).then_some(last)];
        answers.into_iter().flatten().map(move |answer| {
            let mut longer = script.to_vec();
            longer.resize(place, 0);
            longer.push(answer);
            longer
        })
    })
}
