//! Until when whoever asks can wait. Adapters that call others look at it, so that what they do for somebody ends before
//! nobody waits for it any more; the engine in between knows nothing of it, and gives back what a failed call took.

use tokio::{
    task_local,
    time::{Instant, timeout_at},
};

task_local! {
    static DEADLINE: Instant;
}

/// Does `work`, in which calls of others end by `deadline`.
pub(crate) async fn within<W: Future>(deadline: Instant, work: W) -> W::Output {
    DEADLINE.scope(deadline, work).await
}

/// What `call` comes to, where that is known in time. Without a deadline it has all the time that it takes.
pub(crate) async fn in_time<C: Future>(call: C) -> Option<C::Output> {
    match DEADLINE.try_with(|deadline| *deadline) {
        Ok(deadline) => timeout_at(deadline, call).await.ok(),
        Err(_) => Some(call.await),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_end_by_the_deadline_and_only_where_there_is_one() {
        let take = async |seconds| {
            sleep(Duration::from_secs(seconds)).await;
            seconds
        };
        let deadline = Instant::now() + Duration::from_secs(4);
        let both = async { (in_time(take(3)).await, in_time(take(3)).await) };
        assert_eq!(within(deadline, both).await, (Some(3), None), "one deadline for all calls");
        assert_eq!(Instant::now(), deadline);
        assert_eq!(in_time(take(100)).await, Some(100));
    }
}
