//! The tank as text.

use std::fmt;

use ptk_examples::modbus::plant::WHOLE;
use ptk_examples::modbus::poller::Readings;

/// Characters across the tank.
const WIDTH: usize = 40;

/// One line of readings: `level 52.3 %, valve 50.0 %, pump on, set point 50.0 %`.
pub(crate) struct Line<'a>(pub(crate) &'a Readings);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Readings { level, valve, set_point, pump, automatic, high, low, .. } = *self.0;
        let pump = if pump { "on " } else { "off" };
        let mode = if automatic { "automatic" } else { "manual" };
        let (level, valve, set_point) = (Percent(level), Percent(valve), Percent(set_point));
        write!(f, "level {level} %  valve {valve} %  pump {pump}  set point {set_point} %  {mode}")?;
        match (high, low) {
            (true, _) => f.write_str("  HIGH"),
            (_, true) => f.write_str("  LOW"),
            _ => Ok(()),
        }
    }
}

/// The level as a bar, with the set point in it.
pub(crate) struct Bar<'a>(pub(crate) &'a Readings);

impl fmt::Display for Bar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = |part: u16| usize::from(part.min(WHOLE)) * WIDTH / usize::from(WHOLE);
        let (level, mark) = (column(self.0.level), column(self.0.set_point).min(WIDTH - 1));
        f.write_str("[")?;
        for i in 0..WIDTH {
            let cell = match (i < level, i == mark) {
                (_, true) => "|",
                (true, _) => "#",
                _ => " ",
            };
            f.write_str(cell)?;
        }
        f.write_str("]")
    }
}

/// Tenths of a percent.
struct Percent(u16);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>3}.{}", self.0 / 10, self.0 % 10)
    }
}
