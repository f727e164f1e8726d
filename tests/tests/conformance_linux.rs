//! Linux against every behaviour.

ptk_tests::conformance!(ptk_tests::linux::LinuxBackend);
