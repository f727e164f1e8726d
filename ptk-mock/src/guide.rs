#![doc = include_str!("../guide/prove-your-protocol.md")]
