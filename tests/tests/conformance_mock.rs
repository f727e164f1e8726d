//! The simulator against every behaviour.

ptk_tests::conformance!(ptk_tests::mock::MockBackend);
