fn proved(scenario: Scenario) -> Scenario {
    let count = |world: &World| world.app::<[Server; 1]>("server").map_or(0, |app| app[0].count);
    let done = |world: &World| world.app::<[Client; 1]>("client").map_or(0, |app| app[0].done);
    scenario
        .always("nothing is counted twice", move |world| count(world) <= done(world) + 1)
        .eventually("all is counted", Duration::from_secs(5), move |world| done(world) == 10)
}
