//! How long to wait before the next try.

use std::time::Duration;

use rand::RngExt as _;

/// `seconds`, and up to a quarter more, so that what failed together doesn't come back together; what may not be longer than that
/// is up to a quarter less. Below the longest it is never less: a message is signed with the second of its try, and another try
/// is another second.
pub(crate) fn jittered(seconds: u64, longest: u64) -> Duration {
    let milliseconds = seconds.min(longest) * 1000;
    let jitter = rand::rng().random_range(0..=milliseconds / 4);
    let is_longest = milliseconds + milliseconds / 4 > longest * 1000;
    Duration::from_millis(if is_longest { milliseconds - jitter } else { milliseconds + jitter })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_wait_is_about_as_long_as_asked_and_no_longer_than_the_longest(seconds in 0_u64..=120, longest in 1_u64..=60) {
            let wait = jittered(seconds, longest).as_millis();
            let wanted = u128::from(seconds.min(longest)) * 1000;
            prop_assert!(wait <= u128::from(longest) * 1000);
            prop_assert!((wanted * 3 / 4..=wanted * 5 / 4).contains(&wait));
        }

        #[test]
        fn another_try_is_another_second(seconds in 1_u64..=32) {
            prop_assert!(jittered(seconds, 60) >= Duration::from_secs(seconds));
        }
    }
}
