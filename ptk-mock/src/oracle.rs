//! What must hold in any world, whatever runs in it.

use std::hash::Hasher;

use ptk_core::TaskState;
use xxhash_rust::xxh3::Xxh3;

use crate::environment::Environment;
use crate::node::Inhabitant;
use crate::world::World;

/// While nobody has anything to do, each task is resumed for nothing, on a copy. It waits on, unless it was not woken
/// though what it waits for was there; and it is as before, because what it does before a wait it does once.
pub(crate) fn resumes_change_nothing(world: &World) -> Result<(), String> {
    for (node, name) in world.node_ids().zip(world.names()) {
        let Some(slot) = world.slot(node).filter(|slot| !slot.has_ended && slot.paused_until <= world.now()) else {
            continue;
        };
        if let Some(body) = slot.body()
            && body.mock_view().kernel_view().events() == 0
        {
            resume(body.boxed_clone(), world, name)?;
        }
    }
    Ok(())
}

fn resume(mut body: Box<dyn Inhabitant>, world: &World, name: &str) -> Result<(), String> {
    // An alarm that comes late has not come yet.
    if body.next_deadline().is_some_and(|deadline| deadline <= world.now()) {
        return Ok(());
    }
    let (app, waits) = (hash_of_app(&*body), waits(&*body));
    let sockets = body.mock_view().open_sockets();
    let mut environment = Environment::benign();
    environment.clock.pass_to(world.now());
    body.mock().lend(Box::new(environment));
    body.wake_all();
    // Only a loop that is not open fails here, and this one is.
    let _ = body.turn();
    let sent = body.mock().kernel().outbox().len();
    if hash_of_app(&*body) == app && sent == 0 && body.mock_view().open_sockets() == sockets {
        return Ok(());
    }
    let after = self::waits(&*body);
    let moved: Vec<_> = waits.iter().filter(|wait| !after.contains(wait)).cloned().collect();
    let what = if moved.is_empty() {
        "a task waits as before, but its state has changed".to_owned()
    } else {
        moved.join("; ")
    };
    Err(format!("on {name}, with nothing left to happen, a resume for nothing finds something to do: {what}"))
}

fn waits(body: &dyn Inhabitant) -> Vec<String> {
    let mut waits = Vec::new();
    body.list_tasks(&mut |report| waits.push(report.to_string()));
    waits
}

fn hash_of_app(body: &dyn Inhabitant) -> u64 {
    let mut hasher = Xxh3::new();
    body.hash_app(&mut hasher);
    hasher.finish()
}

/// A node whose tasks have all ended holds no handle, and none of the tasks a wait or a deadline.
pub(crate) fn nothing_is_left(world: &World) -> Result<(), String> {
    for (node, name) in world.node_ids().zip(world.names()) {
        let Some(slot) = world.slot(node).filter(|slot| slot.has_ended) else { continue };
        let Some(body) = slot.body() else { continue };
        let (tables, descriptors) = (body.tables(), body.mock_view().open_sockets());
        let tables = [
            ("sockets", tables.sockets),
            ("timers", tables.timers),
            ("event sources", tables.events),
            ("lookups", tables.lookups),
        ];
        if let Some((what, usage)) = tables.iter().find(|(_, usage)| usage.used > 0) {
            return Err(format!("all tasks of {name} have ended, and {} {what} are left", usage.used));
        }
        if let Some(task) = who_still_waits(body) {
            return Err(format!("all tasks of {name} have ended, and {task} has a wait or a deadline left"));
        }
        if descriptors > 0 {
            return Err(format!("all tasks of {name} have ended, and {descriptors} descriptors are left"));
        }
    }
    Ok(())
}

/// A task that has ended, and for which the loop keeps something all the same.
fn who_still_waits(body: &dyn Inhabitant) -> Option<String> {
    let mut who = None;
    body.list_tasks(&mut |report| {
        let waits = report.deadline.is_some() || report.waits.iter().any(Option::is_some);
        if report.state == TaskState::Idle && waits {
            who = Some(format!("{}[{}]", report.suspended.task, report.suspended.instance));
        }
    });
    who
}
