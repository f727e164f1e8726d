//! The simulated plant: a tank that a pump fills and a valve empties.
//!
//! ```text
//!   pump (coil 0) ==>  |          |
//!                      |~~~~~~~~~~|  level (input register 0)
//!                      |          |
//!                      |__________|==> valve (holding register 1)
//! ```
//!
//! The addresses below 100 are the plant's: it reads its commands there and writes what it measures.

use super::device::Device;

/// The points of the plant.
pub mod point {
    /// Coil: the pump runs. In automatic mode the plant writes it.
    pub const PUMP: u16 = 0;
    /// Coil: the plant keeps the level at its set point.
    pub const AUTOMATIC: u16 = 1;
    /// Discrete input: the level is above 90 %.
    pub const HIGH_LEVEL: u16 = 0;
    /// Discrete input: the level is below 10 %.
    pub const LOW_LEVEL: u16 = 1;
    /// Discrete input: the pump delivers.
    pub const PUMP_RUNS: u16 = 2;
    /// Discrete input: the valve is not shut.
    pub const VALVE_IS_OPEN: u16 = 3;
    /// Input register: the level in tenths of a percent.
    pub const LEVEL: u16 = 0;
    /// Input register: how far the valve is open, in tenths of a percent.
    pub const VALVE_POSITION: u16 = 1;
    /// Input register: what flows in, in millilitres a step.
    pub const INFLOW: u16 = 2;
    /// Input register: what flows out, in millilitres a step.
    pub const OUTFLOW: u16 = 3;
    /// Input register: steps made so far; wraps around.
    pub const STEPS: u16 = 4;
    /// How many input registers the plant has.
    pub const MEASURED: u16 = 5;
    /// Holding register: the level to keep, in tenths of a percent.
    pub const SET_POINT: u16 = 0;
    /// Holding register: where the valve shall go, in tenths of a percent.
    pub const VALVE_COMMAND: u16 = 1;
}

/// A whole, in tenths of a percent.
pub const WHOLE: u16 = 1000;

/// Millilitres that the tank holds.
const CAPACITY: u32 = 100_000;
/// Millilitres that the pump delivers in a step.
const PUMPED: u32 = 2_500;
/// Millilitres that a full tank loses in a step through a valve that is wide open.
const DRAINED: u32 = 4_000;
/// How far the valve moves in a step.
const VALVE_SPEED: u16 = 50;
/// How far the level may be from its set point before the pump is switched.
const HYSTERESIS: u16 = 50;

/// The tank.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Plant {
    volume: u32,
    valve: u16,
    steps: u16,
}

impl Plant {
    /// A tank that is half full, with its valve shut.
    pub const fn new() -> Self {
        Plant { volume: CAPACITY / 2, valve: 0, steps: 0 }
    }

    /// Writes the commands with which the plant begins: automatic mode, half full, valve half open.
    pub fn begin(&self, device: &mut Device) {
        device.coils.set(point::AUTOMATIC, true);
        device.holding_registers[usize::from(point::SET_POINT)] = WHOLE / 2;
        device.holding_registers[usize::from(point::VALVE_COMMAND)] = WHOLE / 2;
        self.show(0, 0, device);
    }

    /// How full the tank is, in tenths of a percent.
    pub const fn level(&self) -> u16 {
        (self.volume * WHOLE as u32 / CAPACITY) as u16
    }

    /// A tenth of a second passes.
    pub fn step(&mut self, device: &mut Device) {
        if device.coils.get(point::AUTOMATIC) {
            self.control(device);
        }
        let command = device.holding_registers[usize::from(point::VALVE_COMMAND)].min(WHOLE);
        self.valve = command.clamp(self.valve.saturating_sub(VALVE_SPEED), self.valve + VALVE_SPEED);
        let inflow = if device.coils.get(point::PUMP) { PUMPED } else { 0 }.min(CAPACITY - self.volume);
        let outflow = self.outflow().min(self.volume);
        self.volume = self.volume + inflow - outflow;
        self.steps = self.steps.wrapping_add(1);
        self.show(inflow, outflow, device);
    }

    /// Switches the pump where the level has left the band around the set point.
    fn control(&self, device: &mut Device) {
        let set_point = device.holding_registers[usize::from(point::SET_POINT)].min(WHOLE);
        if self.level() <= set_point.saturating_sub(HYSTERESIS) {
            device.coils.set(point::PUMP, true);
        } else if self.level() >= set_point.saturating_add(HYSTERESIS).min(WHOLE) {
            device.coils.set(point::PUMP, false);
        }
    }

    /// Torricelli: the flow grows with the root of the level.
    fn outflow(&self) -> u32 {
        let root = (self.volume * 10).isqrt();
        let full = (CAPACITY * 10).isqrt();
        DRAINED * root / full * u32::from(self.valve) / u32::from(WHOLE)
    }

    fn show(&self, inflow: u32, outflow: u32, device: &mut Device) {
        let inputs = &mut device.discrete_inputs;
        inputs.set(point::HIGH_LEVEL, self.level() > 900);
        inputs.set(point::LOW_LEVEL, self.level() < 100);
        inputs.set(point::PUMP_RUNS, inflow > 0);
        inputs.set(point::VALVE_IS_OPEN, self.valve > 0);
        let measured = [self.level(), self.valve, inflow as u16, outflow as u16, self.steps];
        device.input_registers[usize::from(point::LEVEL)..][..measured.len()].copy_from_slice(&measured);
    }
}

impl Default for Plant {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(device: &mut Device, plant: &mut Plant, steps: u32) {
        (0..steps).for_each(|_| plant.step(device));
    }

    #[test]
    fn automatic_mode_keeps_the_level_near_its_set_point() {
        let (mut device, mut plant) = (Device::new(), Plant::new());
        plant.begin(&mut device);
        device.holding_registers[usize::from(point::SET_POINT)] = 700;
        run(&mut device, &mut plant, 200);
        for _ in 0..500 {
            plant.step(&mut device);
            assert!((600..=800).contains(&plant.level()), "{}", plant.level());
        }
        assert_eq!(device.input_registers[0], plant.level());
        assert_eq!(device.input_registers[4], 700);
    }

    #[test]
    fn the_tank_neither_overflows_nor_runs_dry() {
        let (mut device, mut plant) = (Device::new(), Plant::new());
        device.coils.set(point::PUMP, true);
        run(&mut device, &mut plant, 1000);
        assert_eq!(plant.level(), WHOLE);
        assert!(device.discrete_inputs.get(point::HIGH_LEVEL) && !device.discrete_inputs.get(point::PUMP_RUNS));
        device.coils.set(point::PUMP, false);
        device.holding_registers[usize::from(point::VALVE_COMMAND)] = u16::MAX;
        run(&mut device, &mut plant, 10_000);
        assert!(plant.level() <= 1, "{}", plant.level());
        assert!(device.discrete_inputs.get(point::LOW_LEVEL) && device.discrete_inputs.get(point::VALVE_IS_OPEN));
        assert_eq!(device.input_registers[usize::from(point::VALVE_POSITION)], WHOLE);
    }

    #[test]
    fn free_memory_is_left_alone() {
        let (mut device, mut plant) = (Device::new(), Plant::new());
        plant.begin(&mut device);
        run(&mut device, &mut plant, 100);
        let untouched = Device::new();
        let free = usize::from(super::super::device::FREE);
        assert_eq!(device.holding_registers[free..], untouched.holding_registers[free..]);
        assert_eq!(device.input_registers[free..], untouched.input_registers[free..]);
        assert!((free as u16..1000).all(|i| !device.coils.get(i)));
    }
}
