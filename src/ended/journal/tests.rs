//! What a crash, a cut, a flip, a full disk and a second process do to the file.

use std::{
    fs::{self, OpenOptions},
    path::PathBuf,
};

use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng as _};
use tempfile::TempDir;

use super::{
    record::{HEADER, RECORD},
    *,
};

const NOW: UnixMillis = UnixMillis::from_millis(1_800_000_000_500);

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("guard.ended")
    }

    fn try_open(&self, capacity: u32, now: UnixTime) -> Result<JournalEnded, NotOpened> {
        let terms = Terms { capacity, ..Terms::new("i", 1000) };
        JournalEnded::open(&self.path(), &terms, now, &mut ChaCha8Rng::seed_from_u64(1))
    }

    fn open(&self) -> JournalEnded {
        self.try_open(10_000, NOW.to_seconds()).unwrap()
    }

    fn length(&self) -> u64 {
        fs::metadata(self.path()).unwrap().len()
    }

    fn cut(&self, length: u64) {
        OpenOptions::new().write(true).open(self.path()).unwrap().set_len(length).unwrap();
    }

    fn flip(&self, at: u64) {
        let mut bytes = fs::read(self.path()).unwrap();
        bytes[usize::try_from(at).unwrap()] ^= 1;
        fs::write(self.path(), bytes).unwrap();
    }
}

fn session(id: &str) -> SessionFacts<'_> {
    SessionFacts { id, subject: "ann", began: UnixMillis::from_millis(0) }
}

async fn end(store: &JournalEnded, id: &str) -> Result<Ended, NotEnded> {
    store.end(&Ending { session: session(id), ends_at: None, everywhere: false }, NOW).await
}

async fn has(store: &JournalEnded, id: &str) -> bool {
    store.has_ended(&session(id), NOW.to_seconds()).await.unwrap()
}

const fn place(number: u64) -> u64 {
    HEADER as u64 + number * RECORD as u64
}

#[tokio::test]
async fn all_is_remembered_by_the_next_process_whatever_ended_the_one_before() {
    let folder = Folder::new();
    for round in 0..3 {
        // Dropped without a word, as a process that is killed.
        let store = folder.open();
        for earlier in 0..round {
            assert!(has(&store, &earlier.to_string()).await);
        }
        assert!(!has(&store, &round.to_string()).await);
        end(&store, &round.to_string()).await.unwrap();
    }
    assert_eq!(folder.length(), place(3), "nothing is written twice");
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let folder = Folder::new();
    let store = folder.open();
    assert!(matches!(folder.try_open(64, NOW.to_seconds()), Err(NotOpened::File(FileError::InUse))));
    drop(store);
    folder.open();
}

#[tokio::test]
async fn a_file_that_is_cut_anywhere_keeps_every_whole_entry_and_takes_more() {
    let folder = Folder::new();
    let store = folder.open();
    for id in 0..5 {
        end(&store, &id.to_string()).await.unwrap();
    }
    drop(store);
    let whole = fs::read(folder.path()).unwrap();
    for length in 0..whole.len() as u64 {
        fs::write(folder.path(), &whole).unwrap();
        folder.cut(length);
        let store = folder.open();
        let kept = length.saturating_sub(HEADER as u64) / RECORD as u64;
        for id in 0..5 {
            assert_eq!(has(&store, &id.to_string()).await, id < kept, "{id} of {length} bytes");
        }
        end(&store, "more").await.unwrap();
        drop(store);
        assert!(has(&folder.open(), "more").await, "{length}");
    }
}

#[tokio::test]
async fn damage_before_what_was_on_the_disk_is_no_start_and_behind_it_nothing_is_lost_but_that() {
    let folder = Folder::new();
    let store = folder.open();
    for id in 0..5 {
        end(&store, &id.to_string()).await.unwrap();
    }
    drop(store);
    let whole = fs::read(folder.path()).unwrap();
    for at in 0..place(5) {
        fs::write(folder.path(), &whole).unwrap();
        folder.flip(at);
        // The last entry names the four before it.
        if at < place(4) {
            let expected = if at < HEADER as u64 { 0 } else { place((at - HEADER as u64) / RECORD as u64) };
            match folder.try_open(64, NOW.to_seconds()) {
                Err(NotOpened::File(FileError::Damaged { offset, .. })) => assert_eq!(offset, expected),
                other => panic!("{other:?}"),
            }
        } else {
            let store = folder.open();
            assert!(has(&store, "3").await && !has(&store, "4").await);
        }
    }
}

#[tokio::test]
async fn of_an_end_that_a_crash_left_in_pieces_what_is_whole_counts() {
    let folder = Folder::new();
    let store = folder.open();
    end(&store, "0").await.unwrap();
    // Written at once, so that none of them says that another is on the disk.
    let entries: Vec<Entry> = ["1", "2", "3"]
        .iter()
        .flat_map(|id| store.known().entries(&Ending { session: session(id), ends_at: None, everywhere: false }, NOW))
        .collect();
    store.keep(entries, NOW.to_seconds()).await.unwrap();
    drop(store);
    folder.flip(place(2));
    let store = folder.open();
    for (id, is_there) in [("0", true), ("1", true), ("2", false), ("3", true)] {
        assert_eq!(has(&store, id).await, is_there, "{id}");
    }
}

#[tokio::test]
async fn a_file_that_is_mostly_past_is_written_anew() {
    let folder = Folder::new();
    let store = folder.open();
    // The same session again and again, each time for a second longer.
    let ending = Ending { session: session("one"), ends_at: None, everywhere: false };
    let entry = store.known().entries(&ending, NOW).next().unwrap();
    let again: Vec<_> = (0..70_000).map(|longer| Entry { until: entry.until + longer, ..entry }).collect();
    for piece in again.chunks(10_000) {
        store.keep(piece.to_vec(), NOW.to_seconds()).await.unwrap();
    }
    end(&store, "two").await.unwrap();
    assert!(folder.length() < place(10_000), "{}", folder.length());
    drop(store);
    let store = folder.open();
    assert!(has(&store, "one").await && has(&store, "two").await);
}

#[tokio::test]
async fn what_has_passed_is_gone_and_more_than_there_is_room_for_is_no_start() {
    let folder = Folder::new();
    let store = folder.open();
    for id in 0..65 {
        end(&store, &id.to_string()).await.unwrap();
    }
    drop(store);
    assert!(matches!(folder.try_open(64, NOW.to_seconds()), Err(NotOpened::TooMany)));
    let later = folder.try_open(64, NOW.to_seconds().plus(1002)).unwrap();
    assert_eq!(later.room(NOW.to_seconds()).entries, 0);
}

#[tokio::test]
async fn many_at_once_wait_for_the_disk_together_and_all_are_there() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    let tasks: Vec<_> = (0..50)
        .map(|id| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { end(&store, &id.to_string()).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    drop(store);
    let store = folder.open();
    for id in 0..50 {
        assert!(has(&store, &id.to_string()).await, "{id}");
    }
}

#[tokio::test]
async fn a_link_in_its_place_is_refused_and_a_new_file_is_its_owners() {
    let folder = Folder::new();
    std::os::unix::fs::symlink(folder.0.path().join("other"), folder.path()).unwrap();
    assert!(matches!(folder.try_open(64, NOW.to_seconds()), Err(NotOpened::File(FileError::NotAFile(_)))));
    fs::remove_file(folder.path()).unwrap();
    let _store = folder.open();
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(folder.path()).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}
