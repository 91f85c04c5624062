//! An approval cannot be made outside this crate.

#[test]
fn an_approval_cannot_be_forged() {
    trybuild::TestCases::new().compile_fail("tests/forged/literal.rs");
}
