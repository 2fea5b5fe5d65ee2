//! One file a message.
