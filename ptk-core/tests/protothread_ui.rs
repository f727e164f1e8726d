//! What the macros say to code that they cannot take, text and place; and what compiles without a warning.

#[test]
fn errors_say_what_to_do_where_to_do_it_and_correct_code_has_no_warnings() {
    let tests = trybuild::TestCases::new();
    tests.pass("tests/ui/pass/*.rs");
    tests.compile_fail("tests/ui/fail/*.rs");
}
