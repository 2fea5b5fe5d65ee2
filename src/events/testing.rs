//! A sink that keeps what it is told.

use std::{
    mem,
    sync::{Arc, Mutex},
};

use serde_json::Value;

use super::{Event, Events, Sink};

/// What was emitted since it was last looked at.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Vec<Arc<Event>>>>);

impl Kept {
    /// Events that are told to this sink alone.
    pub(crate) fn events(&self) -> Events {
        Events::new(vec![Box::new(self.clone())], rand::random)
    }

    /// Takes what was emitted, as JSON.
    pub(crate) fn take(&self) -> Vec<Value> {
        let kept = mem::take(&mut *self.0.lock().unwrap());
        kept.iter().map(|event| serde_json::from_str(&event.to_json()).unwrap()).collect()
    }
}

impl Sink for Kept {
    fn take(&self, event: &Arc<Event>) {
        self.0.lock().unwrap().push(Arc::clone(event));
    }
}
