//! Messages and directories, through the real binary: what others see of them, and what happens when they fail.

pub(crate) mod directory;
mod files;
mod providers;
mod same_answer;
mod send_test;
mod sessions;
mod smtp;
pub(crate) mod stand_in;
mod templates;
