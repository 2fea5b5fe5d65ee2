//! `[events]`: where events are sent.
