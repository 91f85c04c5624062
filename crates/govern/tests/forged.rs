//! An approval cannot be made, read from text or edited outside this crate.

#[test]
fn an_approval_cannot_be_forged() {
    trybuild::TestCases::new().compile_fail("tests/forged/*.rs");
}
