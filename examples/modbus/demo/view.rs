//! The live view: twice a second, the tank and the traffic.

use std::io::{IsTerminal, Write};

use ptk_core::prelude::*;

use super::World;
use crate::tank::{Bar, Line};

/// How often the view is drawn.
const FRAME: Duration = Duration::from_millis(500);

/// The lines of the view on a terminal.
const LINES: usize = 3;

/// Draws the view for so long, and then stops the loop. Without a terminal, each view is one line.
pub(super) struct View {
    pt: Pt,
    timer: Timer,
    shown: Duration,
    duration: Duration,
}

impl View {
    /// A view that ends at once.
    pub(super) const fn new() -> Self {
        View { pt: Pt::new(), timer: Timer::NONE, shown: Duration::ZERO, duration: Duration::ZERO }
    }

    /// Sets how long to draw.
    pub(super) const fn set_duration(&mut self, duration: Duration) {
        self.duration = duration;
    }

    fn draw(&self, world: &World) {
        let mut out = std::io::stdout().lock();
        // Nobody looks at a view that cannot be written.
        let _ = if out.is_terminal() { self.draw_picture(&mut out, world) } else { self.draw_line(&mut out, world) };
    }

    fn draw_line(&self, out: &mut impl Write, world: &World) -> std::io::Result<()> {
        let (time, line, traffic) = (Seconds(self.shown), Line(&world.readings), &world.traffic);
        writeln!(out, "{time}  {line}  requests {}  errors {}", traffic.requests, traffic.errors)
    }

    /// Draws over the view before, if there was one. Each line is cleared to its end.
    fn draw_picture(&self, out: &mut impl Write, world: &World) -> std::io::Result<()> {
        if self.shown > FRAME {
            write!(out, "\x1b[{LINES}A")?;
        }
        let traffic = &world.traffic;
        writeln!(out, "\x1b[K  {}", Bar(&world.readings))?;
        writeln!(out, "\x1b[K  {}", Line(&world.readings))?;
        let (time, requests, errors) = (Seconds(self.shown), traffic.requests, traffic.errors);
        writeln!(out, "\x1b[K  {time}  requests {requests}  errors {errors}  {traffic}")
    }
}

impl<P: Platform> Protothread<P, World> for View {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, world: &mut World) -> Result<(), Error> {
        self.timer = cx.timer()?;
        cx.start_repeating(self.timer, FRAME)?;
        while self.shown < self.duration {
            let frames = wait!(cx.expired(self.timer))?;
            self.shown = self.shown + FRAME.saturating_mul(frames);
            self.draw(world);
        }
        cx.stop();
        Ok(())
    }
}

/// `  1.5 s`
struct Seconds(Duration);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:>3}.{} s", self.0.as_secs(), self.0.as_millis() / 100 % 10)
    }
}
