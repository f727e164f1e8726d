fn counting() -> Scenario {
    Scenario::new("counting")
        .node("server", |_: &Boot| [Server::new()])
        .node("client", |boot: &Boot| [Client::new(boot.address("server", 7), 10)])
}
