//! The guide's code is the code that its examples run.

const GUIDE: &str = include_str!("../guide/prove-your-protocol.md");

#[test]
fn the_guide_shows_what_its_examples_include() {
    for text in
        [include_str!("../guide/counter.rs"), include_str!("../guide/counting.rs"), include_str!("../guide/proved.rs")]
    {
        assert!(GUIDE.contains(text.trim()), "{text}");
    }
}
