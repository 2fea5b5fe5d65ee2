//! The guard in a file: what a crash, a cut, a flip, a full disk and a second process do to it.

use std::{
    fs::{self, OpenOptions},
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
};

use countersign::{
    challenge::{GuardId, NodeName, Strength, Use, VerifiedChallenge},
    files::FileError,
    guard::{
        AttemptRefused, By, Counted, Guard, Limits, Verdict,
        journal::{JournalGuard, OpenError, Opening},
    },
};

use super::support::{Issuer, LIFETIME, LONG, SHORT, START, TestJournal, at, attempt, guess, limits, mail, now, request};

const HEADER: usize = 256;
const RECORD: usize = 40;

/// A journal in which challenges were redeemed, one record each, and those challenges.
fn redeemed(journal: &TestJournal, number: u32) -> (GuardId, Vec<VerifiedChallenge>) {
    let guard = journal.open(START);
    let mut issuer = Issuer::new(guard.id());
    let challenges: Vec<_> = (0..number).map(|name| issuer.code(&mail(name))).collect();
    for challenge in &challenges {
        assert_eq!(guess(&guard, challenge, true), Ok(Counted::Accepted { use_number: 1 }));
    }
    (guard.id().clone(), challenges)
}

fn is_spent(guard: &impl Guard, challenge: &VerifiedChallenge) -> bool {
    now(guard.peek(&attempt(challenge, By::Code, START))).map(drop) == Err(AttemptRefused::Spent)
}

#[test]
fn all_is_remembered_by_the_next_process() {
    let journal = TestJournal { limits: Limits { max_attempts: 3, ..limits() }, ..TestJournal::new() };
    let (id, spent) = redeemed(&journal, 5);
    let mut issuer = Issuer::seeded(&id, 1);
    let tried = issuer.code(&mail("ann"));
    {
        let guard = journal.open(START);
        assert_eq!(guess(&guard, &tried, false), Ok(Counted::Rejected { attempts_left: 2 }));
        now(guard.give_back(&attempt(&spent[0], By::Code, START)));
    }
    let guard = journal.open(START);
    assert_eq!((guard.id(), guard.pressure(at(START)).entries), (&id, 6));
    assert_eq!(guess(&guard, &tried, false), Ok(Counted::Rejected { attempts_left: 1 }));
    assert!(!is_spent(&guard, &spent[0]), "a use that was given back stays given back");
    assert!(spent[1..].iter().all(|challenge| is_spent(&guard, challenge)));
}

#[test]
fn budgets_outlive_the_process_and_the_epoch() {
    let journal = TestJournal::new();
    for round in 0..10 {
        let guard = journal.open(START);
        let mut issuer = Issuer::seeded(guard.id(), round);
        assert_eq!(now(guard.admit(&request(&mail("ann"), START))).unwrap().strength, Strength::Short, "{round}");
        guess(&guard, &issuer.code(&mail("ann")), false).unwrap();
    }
    let before = journal.open(START).id().clone();
    let rebooted = TestJournal { boot: Some([2; 16]), ..journal };
    for _ in 0..2 {
        let guard = rebooted.open(START);
        assert_ne!(*guard.id(), before, "another boot without a clean close is a new epoch");
        assert_eq!(guard.id().node(), "node");
        assert_eq!(now(guard.admit(&request(&mail("ann"), START))).unwrap().strength, Strength::Medium);
    }
}

#[test]
fn a_clean_close_keeps_the_id_over_a_reboot_and_only_once() {
    let mut journal = TestJournal::new();
    let (id, challenges) = redeemed(&journal, 3);
    {
        let guard = journal.open(START);
        guard.close().unwrap();
        let refused = guess(&guard, &Issuer::seeded(&id, 1).code(&mail("late")), true);
        assert!(matches!(refused, Err(AttemptRefused::Unavailable(_))), "a closed journal takes nothing");
    }
    journal.boot = Some([2; 16]);
    {
        let guard = journal.open(START);
        assert_eq!(*guard.id(), id);
        assert!(challenges.iter().all(|challenge| is_spent(&guard, challenge)));
    }
    journal.boot = Some([3; 16]);
    let guard = journal.open(START);
    assert_ne!(*guard.id(), id, "the second boot didn't close it");
    let answer = now(guard.peek(&attempt(&challenges[0], By::Code, START))).map(drop);
    assert_eq!(answer, Err(AttemptRefused::Misdirected));
    drop(guard);
    journal.boot = None;
    let one = journal.open(START).id().clone();
    let two = journal.open(START).id().clone();
    assert_ne!(one, two, "where boots have no name, only a clean close is trusted");
}

#[test]
fn a_missing_file_is_a_new_guard() {
    let journal = TestJournal { segment_bytes: Some(1_000), ..TestJournal::new() };
    let (id, challenges) = redeemed(&journal, 60);
    assert!(journal.files().len() > 2);
    fs::remove_file(journal.path()).unwrap();
    let guard = journal.open(START);
    assert_ne!(*guard.id(), id);
    assert_eq!(now(guard.peek(&attempt(&challenges[0], By::Code, START))).map(drop), Err(AttemptRefused::Misdirected));
    assert_eq!(journal.files(), [journal.path()], "what belonged to the old one is gone");
}

#[test]
fn a_torn_end_is_cut_off_at_every_byte() {
    let journal = TestJournal::new();
    let (id, challenges) = redeemed(&journal, 4);
    let whole = fs::read(journal.path()).unwrap();
    assert_eq!(whole.len(), HEADER + RECORD * 5);
    for length in 0..=whole.len() {
        fs::write(journal.path(), &whole[..length]).unwrap();
        let guard = journal.open(START);
        if length < HEADER + RECORD {
            assert_ne!(*guard.id(), id, "{length}: it isn't known to be of this boot, so nothing is accepted");
            continue;
        }
        assert_eq!(*guard.id(), id, "{length}");
        let records = (length - HEADER) / RECORD;
        for (number, challenge) in challenges.iter().enumerate() {
            assert_eq!(is_spent(&guard, challenge), number + 1 < records, "{length}: {number}");
        }
        assert_eq!(
            guess(&guard, &Issuer::seeded(&id, 1).code(&mail("new")), true),
            Ok(Counted::Accepted { use_number: 1 }),
            "{length}"
        );
        drop(guard);
        assert_eq!((fs::read(journal.path()).unwrap().len() - HEADER) % RECORD, 0, "{length}");
    }
}

#[test]
fn a_flipped_bit_is_damage_except_in_the_last_record() {
    let journal = TestJournal::new();
    let (_, challenges) = redeemed(&journal, 3);
    let whole = fs::read(journal.path()).unwrap();
    let last = whole.len() - RECORD;
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        fs::write(journal.path(), &flipped).unwrap();
        match journal.open_when_free(START) {
            Ok(guard) if at >= last => {
                assert!(is_spent(&guard, &challenges[1]) && !is_spent(&guard, &challenges[2]), "{at}");
            }
            Err(OpenError::File(FileError::Damaged { .. })) if at < last => {}
            other => panic!("byte {at}: {other:?}"),
        }
    }
}

#[test]
fn two_processes_never_have_it_not_even_between_two_segments() {
    let journal = TestJournal { segment_bytes: Some(400), ..TestJournal::new() };
    let guard = journal.open(START);
    let mut issuer = Issuer::new(guard.id());
    let challenges: Vec<_> = (0..300).map(|name| issuer.code(&mail(name))).collect();
    let is_done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let second = scope.spawn(|| {
            let mut tries = 0;
            while tries < 50 || !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                assert!(matches!(journal.try_open(START), Err(OpenError::File(FileError::InUse))));
                tries += 1;
            }
        });
        for challenge in &challenges {
            assert!(guess(&guard, challenge, true).is_ok());
        }
        is_done.store(true, std::sync::atomic::Ordering::Relaxed);
        second.join().unwrap();
    });
    drop(guard);
    let guard = journal.open(START);
    assert!(challenges.iter().all(|challenge| is_spent(&guard, challenge)));
}

#[test]
fn another_node_is_a_fault_and_no_node_takes_the_files() {
    let mut journal = TestJournal::new();
    let id = journal.open(START).id().clone();
    journal.node = Some("other");
    assert!(matches!(journal.open_when_free(START), Err(OpenError::OtherNode(node)) if node == "node"));
    journal.node = None;
    assert_eq!(*journal.open(START).id(), id);
}

#[test]
fn a_smaller_capacity_than_what_lives_is_a_fault() {
    let mut journal = TestJournal::new();
    redeemed(&journal, 65);
    journal.limits.capacity = 64;
    assert!(matches!(journal.open_when_free(START), Err(OpenError::TooMany)));
    assert_eq!(journal.open(START + LIFETIME).pressure(at(START + LIFETIME)).entries, 0, "what has ended needs no room");
}

#[test]
fn segments_go_when_their_challenges_have_ended_and_the_budgets_stay() {
    let journal = TestJournal { segment_bytes: Some(6_000), ..TestJournal::new() };
    let guard = journal.open(START);
    let mut issuer = Issuer::new(guard.id());
    let ann = mail("ann");
    (0..100).for_each(|_| _ = guess(&guard, &issuer.issue(&ann, Use::CODE, LONG, START, LIFETIME), false).unwrap());
    let old = issuer.code(&mail("old"));
    guess(&guard, &old, true).unwrap();
    let mut most = 0;
    for minute in 0..40 {
        let seconds = START + minute * 60;
        for number in 0..100 {
            let challenge = issuer.issue(&mail(number), Use::CODE, SHORT, seconds, LIFETIME);
            now(guard.count(&attempt(&challenge, By::Code, seconds), Verdict::sealed(true))).unwrap();
        }
        most = most.max(journal.files().len());
    }
    // Of 4,000 changes, those of the last ten minutes are needed, and some more until the sketch is written.
    assert!((8..40).contains(&most), "{most} segments at once");
    drop(guard);
    let guard = journal.open(START + 2_400);
    let strength = now(guard.admit(&request(&ann, START + 2_400))).unwrap().strength;
    assert_eq!(strength, Strength::Long, "100 comparisons, whose records are gone long ago");
    let replay = now(guard.count(&attempt(&old, By::Code, START), Verdict::sealed(true)));
    assert_eq!(replay, Err(AttemptRefused::Expired), "a clock set back replays nothing, though no record of it is left");
    drop(guard);

    // A segment that is needed and missing is noticed.
    let files = journal.files();
    let middle = files.iter().filter(|file| **file != journal.path()).nth(2).unwrap();
    fs::remove_file(middle).unwrap();
    assert!(matches!(journal.open_when_free(START + 2_400), Err(OpenError::File(FileError::Damaged { .. }))));
}

#[test]
fn a_change_of_segments_that_was_interrupted_is_ended() {
    let journal = TestJournal { segment_bytes: Some(1_000), ..TestJournal::new() };
    let (id, challenges) = redeemed(&journal, 30);
    let last = fs::read(journal.path()).unwrap();
    let next = journal.path().with_extension("journal.next");
    // Killed after the full segment was put aside, before the prepared one took its place.
    fs::rename(journal.path(), &next).unwrap();
    {
        let guard = journal.open(START);
        assert_eq!((guard.id(), next.exists()), (&id, false));
        assert!(challenges.iter().all(|challenge| is_spent(&guard, challenge)));
    }
    // Killed before that, with the next one prepared or half prepared.
    for prepared in [&last[..], &last[..100], &[]] {
        fs::write(&next, prepared).unwrap();
        let guard = journal.open(START);
        assert_eq!((guard.id(), next.exists()), (&id, false));
        assert!(challenges.iter().all(|challenge| is_spent(&guard, challenge)));
    }
}

/// The permissions that others than the owner have on a file.
#[cfg(unix)]
fn for_others(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777 & !0o600
}

#[cfg(unix)]
#[test]
fn its_files_are_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let journal = TestJournal { segment_bytes: Some(1_000), ..TestJournal::new() };
    redeemed(&journal, 60);
    assert!(journal.files().len() > 2, "the first file, and those after it");
    assert!(journal.files().iter().all(|file| for_others(file) == 0));
    // Files that were made otherwise are taken back.
    for file in journal.files() {
        fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
    }
    drop(journal.open(START));
    assert!(journal.files().iter().all(|file| for_others(file) == 0));
}

/// Another file of the same user, to which a link was planted, and what it holds.
#[cfg(unix)]
struct Planted {
    target: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

#[cfg(unix)]
impl Planted {
    const CONTENT: &str = "what somebody else wrote";

    fn at(link: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        fs::write(&target, Self::CONTENT).unwrap();
        std::os::unix::fs::symlink(&target, link).unwrap();
        Self { target, _folder: folder }
    }

    fn is_untouched(&self) -> bool {
        fs::read_to_string(&self.target).is_ok_and(|content| content == Self::CONTENT)
    }
}

#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_the_journal_is_refused_and_its_target_left_alone() {
    let journal = TestJournal::new();
    let planted = Planted::at(&journal.path());
    assert!(matches!(journal.open_when_free(START), Err(OpenError::File(FileError::NotAFile(path))) if path == journal.path()));
    assert!(planted.is_untouched());
    // One that leads to a whole journal, or to nothing, is a link too.
    let other = TestJournal::new();
    redeemed(&other, 3);
    for target in [other.path(), other.folder.path().join("nothing")] {
        fs::remove_file(journal.path()).unwrap();
        std::os::unix::fs::symlink(&target, journal.path()).unwrap();
        let before = fs::read(&target).ok();
        assert!(matches!(journal.open_when_free(START), Err(OpenError::File(FileError::NotAFile(_)))));
        assert_eq!(fs::read(&target).ok(), before);
    }
    fs::remove_file(journal.path()).unwrap();
    fs::create_dir(journal.path()).unwrap();
    assert!(matches!(journal.open_when_free(START), Err(OpenError::File(FileError::NotAFile(_)))), "a folder");
}

#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_the_next_segment_is_taken_away_and_its_target_left_alone() {
    let journal = TestJournal { segment_bytes: Some(1_000), ..TestJournal::new() };
    let next = journal.path().with_extension("journal.next");
    // Before there is a journal, before it is opened again, and while it is open.
    let planted = Planted::at(&next);
    let (id, challenges) = redeemed(&journal, 3);
    assert!(planted.is_untouched() && !next.is_symlink());
    let planted = Planted::at(&next);
    let guard = journal.open(START);
    assert!(planted.is_untouched() && !next.is_symlink());
    assert!(guard.id() == &id && challenges.iter().all(|challenge| is_spent(&guard, challenge)));
    let planted = Planted::at(&next);
    let nothing = journal.folder.path().join("nothing");
    let mut issuer = Issuer::seeded(&id, 1);
    for name in 0..60 {
        assert_eq!(guess(&guard, &issuer.code(&mail(name)), true), Ok(Counted::Accepted { use_number: 1 }));
        if name == 30 {
            _ = fs::remove_file(&next);
            std::os::unix::fs::symlink(&nothing, &next).unwrap();
        }
    }
    assert!(planted.is_untouched() && !nothing.exists() && !next.is_symlink());
    assert!(journal.files().len() > 2, "segments were begun all the same");
    assert!(journal.files().iter().all(|file| !file.is_symlink() && for_others(file) == 0));
}

#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_an_earlier_segment_is_refused_or_taken_away() {
    let journal = TestJournal { segment_bytes: Some(1_000), ..TestJournal::new() };
    redeemed(&journal, 60);
    let earlier = journal.files().into_iter().find(|file| *file != journal.path()).unwrap();
    fs::remove_file(&earlier).unwrap();
    let planted = Planted::at(&earlier);
    assert!(matches!(journal.open_when_free(START), Err(OpenError::File(FileError::NotAFile(path))) if path == earlier));
    assert!(planted.is_untouched() && for_others(&planted.target) != 0);
    // Without a journal it is left over from one, and goes.
    fs::remove_file(journal.path()).unwrap();
    drop(journal.open(START));
    assert!(planted.is_untouched() && !earlier.is_symlink());
}

/// Opens the journal that a child process of these tests was given, as any test does.
fn open_in_child() -> Option<JournalGuard> {
    let path = std::env::var_os("GUARD_TEST_JOURNAL")?;
    let segment_bytes = Some(20_000);
    let node = NodeName::parse("node").unwrap();
    let opening = Opening { path: Path::new(&path), node: Some(&node), limits: limits(), boot: Some([1; 16]), segment_bytes };
    Some(JournalGuard::open(&opening, at(START), &mut rand::rng()).unwrap())
}

/// Runs one of the tests below in a process of its own, perhaps through a shell.
fn child(test: &str, path: &Path, shell: Option<&str>) -> Child {
    let program = std::env::current_exe().unwrap();
    let arguments = ["--exact", test, "--ignored", "--nocapture"];
    let mut command = match shell {
        None => Command::new(program),
        Some(script) => {
            let mut command = Command::new("sh");
            command.args(["-c", script, "sh"]).arg(program);
            command
        }
    };
    command.args(arguments).env("GUARD_TEST_JOURNAL", path).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// The numbers that a child printed; each was printed whole or not at all.
fn printed(child: &mut Child) -> impl Iterator<Item = u32> + '_ {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    lines.filter_map(|line| line.strip_prefix("redeemed ").and_then(|line| line.strip_suffix('.')?.parse().ok()))
}

#[test]
#[ignore = "run by the test of kill -9, in a process of its own"]
fn redeems_until_it_is_killed() {
    let Some(guard) = open_in_child() else { return };
    let mut issuer = Issuer::new(guard.id());
    let mut output = std::io::stdout().lock();
    writeln!(output, "{}", guard.id().as_str()).unwrap();
    for number in 0..1_000_000_u32 {
        assert!(guess(&guard, &issuer.code(&mail(number)), true).is_ok());
        // One write: the parent sees the line whole.
        output.write_all(format!("redeemed {number}.\n").as_bytes()).unwrap();
        output.flush().unwrap();
    }
}

#[test]
fn kill_9_forgets_nothing_that_was_answered() {
    for round in [1_u32, 40, 700, 2_500] {
        let journal = TestJournal { segment_bytes: Some(20_000), ..TestJournal::new() };
        let mut process = child("guard::journal::redeems_until_it_is_killed", &journal.path(), None);
        let redeemed = printed(&mut process).take_while(|number| *number < round).count();
        assert_eq!(redeemed, round as usize);
        process.kill().unwrap();
        process.wait().unwrap();

        let guard = journal.open(START);
        let mut issuer = Issuer::new(guard.id());
        for number in 0..=round {
            assert!(is_spent(&guard, &issuer.code(&mail(number))), "{number} of {round} was answered, and is forgotten");
        }
    }
}

#[test]
#[ignore = "run by the test of the full disk, in a process of its own"]
fn redeems_until_the_disk_is_full() {
    let Some(guard) = open_in_child() else { return };
    let mut issuer = Issuer::new(guard.id());
    let challenges: Vec<_> = (0..2_000).map(|number| issuer.code(&mail(number))).collect();
    let mut redeemed = 0;
    for challenge in &challenges {
        match guess(&guard, challenge, true) {
            Ok(_) => redeemed += 1,
            Err(AttemptRefused::Unavailable(_)) => break,
            Err(other) => panic!("{other:?}"),
        }
    }
    // Refused again and again, and never half: what was known is known, what wasn't isn't.
    for challenge in &challenges[redeemed..] {
        assert!(matches!(guess(&guard, challenge, true), Err(AttemptRefused::Unavailable(_))));
    }
    assert!(challenges[..redeemed].iter().all(|challenge| is_spent(&guard, challenge)));
    assert_eq!(guard.pressure(at(START)).entries as usize, redeemed);
    println!("redeemed {redeemed}.");
}

#[test]
fn a_full_disk_fails_closed_and_is_recovered_from() {
    let journal = TestJournal::new();
    // No file of the child may be larger than 16 blocks of 512 or 1,024 bytes; it is told so instead of being killed.
    let script = "trap '' XFSZ; ulimit -f 16; exec \"$@\"";
    let mut process = child("guard::journal::redeems_until_the_disk_is_full", &journal.path(), Some(script));
    let redeemed = printed(&mut process).last().expect("the child says how far it came");
    assert!(process.wait().unwrap().success());
    assert!((100..2_000).contains(&redeemed), "{redeemed}");

    let mut bytes = Vec::new();
    OpenOptions::new().read(true).open(journal.path()).unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!((bytes.len() - HEADER) % RECORD, 0, "no torn record was left behind");
    let guard = journal.open(START);
    let mut issuer = Issuer::new(guard.id());
    for number in 0..2_000 {
        let challenge = issuer.code(&mail(number));
        assert_eq!(is_spent(&guard, &challenge), number < redeemed, "{number}");
    }
    assert_eq!(guess(&guard, &issuer.code(&mail("new")), true), Ok(Counted::Accepted { use_number: 1 }));
}

#[test]
fn after_a_crash_of_the_machine_damage_is_no_fault_and_what_is_left_counts() {
    let mut journal = TestJournal::new();
    let guard = journal.open(START);
    let mut issuer = Issuer::new(guard.id());
    (0..12).for_each(|_| _ = guess(&guard, &issuer.code(&mail("ann")), false).unwrap());
    drop(guard);
    let mut bytes = fs::read(journal.path()).unwrap();
    // A block that was never written: zeros.
    bytes[HEADER + 5 * RECORD..HEADER + 6 * RECORD].fill(0);
    fs::write(journal.path(), bytes).unwrap();
    assert!(matches!(journal.open_when_free(START), Err(OpenError::File(FileError::Damaged { .. }))), "in the same boot");
    journal.boot = Some([2; 16]);
    let guard = journal.open(START);
    assert_eq!(now(guard.admit(&request(&mail("ann"), START))).unwrap().strength, Strength::Medium, "11 of 12 are left");
}
