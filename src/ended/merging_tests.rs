//! Whatever becomes of messages and nodes, all that remains comes to know the same.

use proptest::prelude::*;

use super::*;
use crate::ended::{EndedSessions as _, MemoryEnded, SessionFacts, Terms};

const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

fn node(capacity: u32) -> AnyEnded {
    AnyEnded::Memory(MemoryEnded::new(&Terms { capacity, ..Terms::new("i", 1000) }))
}

fn session(id: &str) -> SessionFacts<'_> {
    SessionFacts { id, subject: "ann", began: UnixMillis::from_millis(0) }
}

fn ending(id: &str) -> Ending<'_> {
    Ending { session: session(id), ends_at: None, everywhere: false }
}

async fn end(store: &AnyEnded, id: &str) {
    store.end(&ending(id), NOW.into()).await.unwrap();
}

async fn has(store: &AnyEnded, id: &str) -> bool {
    store.has_ended(&session(id), NOW).await.unwrap()
}

/// Compares two nodes; returns how many questions it took, and the longest message.
async fn compare(one: &AnyEnded, other: &AnyEnded, clocks: [UnixTime; 2]) -> (usize, usize) {
    let [now, others] = clocks;
    let (mut comparison, question) = Comparison::begin(one, now);
    let (mut question, mut asked, mut longest) = (Some(question), 0, 0);
    while let Some(bytes) = question {
        assert!(bytes.len() <= LONGEST_QUESTION);
        let answer = other.answer(&bytes, true, others).await.unwrap();
        (asked, longest) = (asked + 1, longest.max(answer.len()));
        question = comparison.go_on(one, &answer, now).await.unwrap();
    }
    (asked, longest)
}

fn held(store: &AnyEnded, now: UnixTime) -> Vec<[u8; Entry::BYTES]> {
    let mut all: Vec<_> = store.known().unwrap().set.all(seconds(now)).into_iter().map(Entry::to_bytes).collect();
    all.sort_unstable();
    all
}

#[tokio::test]
async fn after_one_comparison_both_hold_the_union_and_the_next_one_is_one_question() {
    let (one, other) = (node(1000), node(5000));
    for id in 0..30 {
        end(if id % 2 == 0 { &one } else { &other }, &id.to_string()).await;
    }
    compare(&one, &other, [NOW; 2]).await;
    for id in 0..30 {
        assert!(has(&one, &id.to_string()).await && has(&other, &id.to_string()).await, "{id}");
    }
    assert_eq!(held(&one, NOW), held(&other, NOW));
    assert_eq!(compare(&other, &one, [NOW; 2]).await.0, 1);
    assert_eq!(compare(&node(64), &node(64), [NOW; 2]).await.0, 1, "two that hold nothing hold the same");
}

#[tokio::test]
async fn many_go_in_pieces() {
    let (full, empty) = (node(100_000), node(100_000));
    for id in 0..60_000 {
        end(&full, &id.to_string()).await;
    }
    let (asked, longest) = compare(&empty, &full, [NOW; 2]).await;
    assert!((5..40).contains(&asked), "{asked}");
    assert!(longest < crate::fleet::batch::LONGEST_REPLY / 4, "{longest}");
    assert_eq!(held(&full, NOW), held(&empty, NOW));
    let another = node(100_000);
    compare(&full, &another, [NOW; 2]).await;
    assert_eq!(held(&full, NOW), held(&another, NOW), "told, not asked for");
}

/// With clocks that differ as much as relays allow, nothing is sent back and forth for ever, however long ago it ended.
#[tokio::test]
async fn nodes_whose_clocks_differ_agree_at_every_second() {
    for (skew, is_ahead) in [(30, false), (30, true), (0, true)] {
        let (one, other) = (node(1000), node(1000));
        for seconds in 0..200 {
            let ends_at = Some(NOW.plus(seconds));
            one.end(&Ending { ends_at, ..ending(&seconds.to_string()) }, NOW.into()).await.unwrap();
        }
        for second in 0..300 {
            let now = NOW.plus(second);
            let others = if is_ahead { now.plus(skew) } else { now.minus(skew) };
            let (asked, _) = compare(&one, &other, [now, others]).await;
            let (back, _) = compare(&other, &one, [others, now]).await;
            assert!(second == 0 || asked == 1, "{second} {asked}");
            assert!(second == 0 || back == 1, "{second} {back}");
            (0..64).for_each(|_| _ = (one.room(now), other.room(others)));
        }
        assert_eq!(one.room(NOW.plus(1000)).unwrap().entries, 0);
    }
}

#[tokio::test]
async fn a_full_node_takes_what_it_can_says_so_and_tells_what_it_has() {
    let (full, other) = (node(64), node(1000));
    for id in 0..64 {
        end(&full, &id.to_string()).await;
    }
    end(&other, "more").await;
    compare(&full, &other, [NOW; 2]).await;
    assert!(!has(&full, "more").await && has(&other, "63").await);
    let answer = full.answer(&full.telling(&ending("more"), NOW.into()).unwrap(), true, NOW).await.unwrap();
    assert_eq!(read_kept(&answer), Some(false));
    let answer = other.answer(&full.telling(&ending("more"), NOW.into()).unwrap(), true, NOW).await.unwrap();
    assert_eq!(read_kept(&answer), Some(true));
}

#[tokio::test]
async fn what_is_no_message_is_refused() {
    let store = node(64);
    let entry = &[7; Entry::BYTES][..];
    for question in [
        &[][..],
        &[0],
        &[9, 1],
        &[KEEP, 1],
        &[&[KEEP][..], &entry[1..]].concat(),
        &[&[KEEP][..], &entry.repeat(ENTRIES_AT_ONCE + 1)].concat(),
        &[&[KEEP][..], &[0; Entry::BYTES]].concat(),
        &[COMPARE, 0, 0, 0, 0],
        &[&[COMPARE][..], &[0; 13]].concat(),
        &[GIVE, 0, 0, 0, 0],
        &[GIVE, 0, 0, 0, 0, 1],
        &[GIVE, 0, 0, 0, 0, 4, 0],
        &[&[GIVE][..], &[0; 4 + 2 * (BUCKETS_AT_ONCE + 1)]].concat(),
    ] {
        assert_eq!(store.answer(question, true, NOW).await, None, "{question:?}");
    }
    let first = |kind: u8, rest: &[u8]| [&[1, kind][..], rest].concat();
    for answer in
        [vec![], vec![1], first(9, b""), first(KEPT, b""), first(SAME, b"x"), first(DIGESTS, b"x"), first(ENTRIES, b"\0\0")]
    {
        let (mut comparison, _) = Comparison::begin(&store, NOW);
        assert_eq!(comparison.go_on(&store, &answer, NOW).await, Err(Malformed), "{answer:?}");
    }
    // More buckets than were asked for, or none: a comparison that would never end.
    for number in [0, 65] {
        let (mut comparison, _) = Comparison::begin(&store, NOW);
        let digests = first(DIGESTS, &[1; 8 * BUCKETS]);
        comparison.go_on(&store, &digests, NOW).await.unwrap().unwrap();
        assert_eq!(comparison.go_on(&store, &first(ENTRIES, &[0, number]), NOW).await, Err(Malformed));
    }
}

/// One thing that happens to a fleet.
#[derive(Clone, Debug)]
enum Happens {
    /// A node ends a session, or everything of a subject, and tells those whose bit is set; the word may come twice, and later.
    Ends { node: usize, id: u8, everywhere: bool, reaches: u8 },
    /// A word that was on its way arrives, again.
    Arrives { at: usize, word: usize },
    /// Two nodes compare; the line may be cut after some questions.
    Compares { one: usize, other: usize, questions: usize },
    /// A node starts anew: it has forgotten all, and takes the set of those that it reaches before it is asked anything.
    Restarts { node: usize },
    /// Time passes.
    Passes { seconds: u64 },
}

const NODES: usize = 3;

fn happens() -> impl Strategy<Value = Happens> {
    let node = || 0..NODES;
    prop_oneof![
        4 => (node(), any::<u8>(), prop::bool::weighted(0.2), 0..8_u8)
            .prop_map(|(node, id, everywhere, reaches)| Happens::Ends { node, id, everywhere, reaches }),
        2 => (node(), any::<usize>()).prop_map(|(at, word)| Happens::Arrives { at, word }),
        2 => (node(), node(), 0..6_usize).prop_map(|(one, other, questions)| Happens::Compares { one, other, questions }),
        1 => node().prop_map(|node| Happens::Restarts { node }),
        1 => (0..400_u64).prop_map(|seconds| Happens::Passes { seconds }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Against a plain union: whatever the order, the loss, the repetition and the restarts, once every two nodes have compared, all
    /// hold the union of what any of them held; and no node ever loses what it held but by a restart, which takes back what the others
    /// hold.
    #[test]
    fn all_nodes_end_with_the_union(story in prop::collection::vec(happens(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut nodes = [(); NODES].map(|()| node(1000));
            let (mut now, mut words, mut confirmed) = (NOW, Vec::<Vec<u8>>::new(), Vec::<(u8, UnixTime)>::new());
            for event in story {
                match event {
                    Happens::Ends { node, id, everywhere, reaches } => {
                        let id = id.to_string();
                        let ending = Ending { everywhere, ..ending(&id) };
                        nodes[node].end(&ending, now.into()).await.unwrap();
                        let word = nodes[node].telling(&ending, now.into()).unwrap();
                        let reached = (0..NODES).filter(|at| *at != node && reaches >> at & 1 == 1);
                        for at in reached.clone() {
                            nodes[at].answer(&word, true, now).await.unwrap();
                        }
                        if reached.count() == NODES - 1 {
                            confirmed.push((id.parse().unwrap(), now.plus(1000)));
                        }
                        words.push(word);
                    }
                    Happens::Arrives { at, word } if !words.is_empty() => {
                        nodes[at].answer(&words[word % words.len()], true, now).await.unwrap();
                    }
                    Happens::Arrives { .. } => {}
                    Happens::Compares { one, other, questions } => {
                        let (mut comparison, question) = Comparison::begin(&nodes[one], now);
                        let mut question = Some(question);
                        for _ in 0..questions {
                            let Some(bytes) = question else { break };
                            let answer = nodes[other].answer(&bytes, true, now).await.unwrap();
                            question = comparison.go_on(&nodes[one], &answer, now).await.unwrap();
                        }
                    }
                    Happens::Restarts { node: at } => {
                        nodes[at] = node(1000);
                        for other in (0..NODES).filter(|other| *other != at) {
                            compare(&nodes[at], &nodes[other], [now; 2]).await;
                        }
                    }
                    Happens::Passes { seconds } => now = now.plus(seconds),
                }
                // What all were told is known to all from then on.
                for (id, until) in &confirmed {
                    for store in &nodes {
                        let has = store.has_ended(&session(&id.to_string()), now).await.unwrap();
                        assert!(*until <= now || has, "{id}");
                    }
                }
            }
            let mut union = std::collections::BTreeMap::<u128, Entry>::new();
            for entry in nodes.iter().flat_map(|node| node.known().unwrap().set.all(seconds(now))) {
                union.entry(entry.name.bits()).and_modify(|known| *known = known.joined(entry)).or_insert(entry);
            }
            let mut union: Vec<_> = union.into_values().map(Entry::to_bytes).collect();
            union.sort_unstable();
            // Twice around, so that what the last node had comes to the first.
            for _ in 0..2 {
                for one in 0..NODES {
                    compare(&nodes[one], &nodes[(one + 1) % NODES], [now; 2]).await;
                }
            }
            for store in &nodes {
                assert_eq!(held(store, now), union);
            }
        });
    }

    #[test]
    fn no_message_panics(
        question in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(2), Just(3), Just(4), Just(5), any::<u8>()], 0..100),
        is_asking in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = node(64);
            let (mut comparison, _) = Comparison::begin(&store, NOW);
            if is_asking {
                let digests = [&[1, DIGESTS][..], &[1; 8 * BUCKETS]].concat();
                comparison.go_on(&store, &digests, NOW).await.unwrap();
            }
            let _ = store.answer(&question, true, NOW).await;
            let _ = comparison.go_on(&store, &question, NOW).await;
        });
    }
}
