//! What the macros say to code that they cannot take: text and place. And what compiles without a warning.

#[test]
fn errors_say_what_to_do_at_the_place_where_to_do_it() {
    let tests = trybuild::TestCases::new();
    tests.compile_fail("tests/ui/fail/*.rs");
}

#[test]
fn correct_code_compiles_without_a_warning() {
    let tests = trybuild::TestCases::new();
    tests.pass("tests/ui/pass/*.rs");
}
