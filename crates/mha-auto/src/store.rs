//! [`Store`]: what measurements found, in a file of the user's cache directory. Every file holds for one adapter, driver, graphics
//! API and version of this library. What is damaged or another's is never used; writing is atomic, and processes that write at
//! once keep one another's entries.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mha_gpu::AdapterIdentity;
use mha_plan::Candidate;
use mha_tune::Class;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::measure::Known;

/// Version of the file's form.
const FORMAT: u32 = 2;
/// How long another process may keep the file's lock, which it needs for milliseconds.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);
/// A larger file is none of ours.
const MOST_BYTES: u64 = 16 << 20;
/// No launch that is measured takes longer: a day.
const MOST_TIME: Duration = Duration::from_secs(24 * 60 * 60);
/// A choice takes at most this many times what the baseline takes. It may take somewhat longer, as what the tables choose stays unless
/// another is clearly faster; more is a disturbance, or nothing that was measured.
const MOST_SLOWER: u32 = 2;

/// Why the file of choices can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It can't be read, or not be written.
    #[error("the measured choices in {file} can't be {action}: {error}")]
    Io {
        /// The file.
        file: String,
        /// What failed.
        action: &'static str,
        /// How.
        error: io::Error,
    },
    /// It does not hold what this library wrote.
    #[error("the measured choices in {file} are not used, as the file is damaged or of another version: {what}")]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// It holds for something else.
    #[error("the measured choices in {file} are not used: they hold for {theirs}, this is {ours}")]
    Foreign {
        /// The file.
        file: String,
        /// What it holds for.
        theirs: String,
        /// What it would have to hold for.
        ours: String,
    },
}

/// The choices by class of problem. None where no measurement beside a session can decide: what the tuning tables choose stays, and
/// no later process need find that out again.
pub(crate) type Choices = BTreeMap<Class, Option<Known>>;

/// Adds choices, in place of earlier ones for the same classes. What is undecided takes no other's place.
pub(crate) fn extend(choices: &mut Choices, new: &Choices) {
    for (class, known) in new {
        let place = choices.entry(*class).or_default();
        if known.is_some() {
            place.clone_from(known);
        }
    }
}

/// A file of choices.
#[derive(Clone, Debug)]
pub struct Store {
    file: PathBuf,
    key: Key,
}

/// What choices hold for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Key {
    adapter: String,
    backend: String,
    driver: String,
    pci: [u32; 2],
    library: String,
}

#[derive(Serialize, Deserialize)]
struct Document {
    format: u32,
    /// Of `content` as this library prints it.
    checksum: String,
    content: Content,
}

#[derive(Serialize, Deserialize)]
struct Content {
    key: Key,
    choices: BTreeMap<String, Option<Entry>>,
}

/// One choice. Times in nanoseconds.
#[derive(Serialize, Deserialize)]
struct Entry {
    lane: String,
    row: Option<String>,
    time: u64,
    baseline: Option<u64>,
}

impl Store {
    /// The file for an adapter in a cache directory.
    pub fn new(directory: &Path, adapter: &AdapterIdentity) -> Store {
        let AdapterIdentity { name, backend, pci, driver } = adapter.clone();
        let library = env!("CARGO_PKG_VERSION").to_owned();
        let key = Key { adapter: name, backend, driver, pci, library };
        let kept = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let words: String = format!("{}-{}", key.adapter, key.backend).chars().map(kept).collect();
        let hash = xxh3_64(format!("{key:?}").as_bytes());
        Store { file: directory.join("choices").join(format!("{words}-{hash:016x}.json")), key }
    }

    /// Where it is.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// How many choices the file holds; none where there is no file.
    ///
    /// # Errors
    /// [`StoreError`] where the file can't be used.
    pub fn count(&self) -> Result<usize, StoreError> {
        Ok(self.load()?.values().flatten().count())
    }

    /// The choices kept; none where there is no file.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn load(&self) -> Result<Choices, StoreError> {
        let text = match read(&self.file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Choices::new()),
            Err(error) => return Err(self.io("read", error)),
        };
        let damaged = |what: String| StoreError::Damaged { file: self.name(), what };
        let document: Document = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if document.format != FORMAT {
            return Err(damaged(format!("its format is {}, {FORMAT} is expected", document.format)));
        }
        if document.checksum != checksum(&document.content) {
            return Err(damaged("its checksum does not match".to_owned()));
        }
        if document.content.key != self.key {
            let [theirs, ours] = [&document.content.key, &self.key].map(|key| {
                let Key { adapter, backend, driver, library, .. } = key;
                format!("{adapter} ({backend}, {driver}) and version {library}")
            });
            return Err(StoreError::Foreign { file: self.name(), theirs, ours });
        }
        let known = |entry: Entry| -> Result<Known, String> {
            let known = Known {
                candidate: Candidate::named(&entry.lane, entry.row.as_deref())?,
                time: Duration::from_nanos(entry.time),
                baseline: entry.baseline.map(Duration::from_nanos),
            };
            credible(&known).map(|()| known)
        };
        let entry = |(class, entry): (String, Option<Entry>)| -> Result<(Class, Option<Known>), String> {
            Ok((class.parse()?, entry.map(known).transpose()?))
        };
        document.content.choices.into_iter().map(entry).collect::<Result<_, _>>().map_err(damaged)
    }

    /// Adds choices to those of the file, in place of earlier ones for the same classes, and gives all that it then holds. A file
    /// that can't be used is replaced. A choice whose times nobody would believe is left out.
    ///
    /// # Errors
    /// [`StoreError::Io`]; the file is then as it was.
    pub(crate) fn add(&self, new: &Choices) -> Result<Choices, StoreError> {
        let is_credible = |known: &Option<Known>| known.as_ref().is_none_or(|known| credible(known).is_ok());
        let new: Choices =
            new.iter().filter(|(_, known)| is_credible(known)).map(|(class, known)| (*class, known.clone())).collect();
        let directory = self.file.parent().unwrap_or(Path::new("."));
        let write = || -> io::Result<Choices> {
            fs::create_dir_all(directory)?;
            // Held from reading to replacing, so that no other process's entries get lost between. Released when it is closed.
            let lock = File::create(self.file.with_extension("lock"))?;
            wait_for(&lock)?;
            let mut choices = self.load().unwrap_or_default();
            extend(&mut choices, &new);
            let mut file = tempfile::NamedTempFile::new_in(directory)?;
            file.write_all(self.document(&choices)?.as_bytes())?;
            file.persist(&self.file)?;
            Ok(choices)
        };
        write().map_err(|error| self.io("written", error))
    }

    fn document(&self, choices: &Choices) -> io::Result<String> {
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let entry = |known: &Known| Entry {
            lane: known.candidate.lane.name().to_owned(),
            row: known.candidate.row.as_ref().map(ToString::to_string),
            time: nanoseconds(known.time),
            baseline: known.baseline.map(nanoseconds),
        };
        let choices = choices.iter().map(|(class, known)| (class.to_string(), known.as_ref().map(entry))).collect();
        let content = Content { key: self.key.clone(), choices };
        let document = Document { format: FORMAT, checksum: checksum(&content), content };
        Ok(serde_json::to_string_pretty(&document)? + "\n")
    }

    fn name(&self) -> String {
        self.file.display().to_string()
    }

    fn io(&self, action: &'static str, error: io::Error) -> StoreError {
        StoreError::Io { file: self.name(), action, error }
    }
}

/// Whether times are such as a measurement finds.
///
/// # Errors
/// The rule, and what was received.
fn credible(known: &Known) -> Result<(), String> {
    let Known { time, baseline, .. } = known;
    let is_time = |time: &Duration| !time.is_zero() && *time <= MOST_TIME;
    if is_time(time) && baseline.is_none_or(|baseline| is_time(&baseline) && *time <= baseline * MOST_SLOWER) {
        return Ok(());
    }
    let against = baseline.map(|baseline| format!(" against {baseline:?}")).unwrap_or_default();
    Err(format!(
        "times are above 0, a day at most, and {MOST_SLOWER} times the baseline's at most, got {time:?}{against}"
    ))
}

/// Locks a file, unless another process keeps it for longer than writing takes.
fn wait_for(lock: &File) -> io::Result<()> {
    let begin = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if begin.elapsed() > LOCK_PATIENCE => {
                return Err(io::Error::new(io::ErrorKind::WouldBlock, "another process holds its lock"));
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(file)?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no file"));
    }
    if metadata.len() > MOST_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too large"));
    }
    fs::read(file)
}

fn checksum(content: &Content) -> String {
    // Structs and sorted maps print the same each time.
    let text = serde_json::to_vec(content).unwrap_or_default();
    format!("{:016x}", xxh3_64(&text))
}

#[cfg(test)]
mod tests {
    use mha_plan::{candidates, devices};
    use mha_testkit::plain;

    use super::*;

    fn identity(driver: &str) -> AdapterIdentity {
        AdapterIdentity { name: "A GPU (1)".into(), backend: "vulkan".into(), pci: [1, 2], driver: driver.into() }
    }

    /// A choice for problems of a length.
    fn choice(q_len: u32, nanoseconds: u64) -> (Class, Option<Known>) {
        let problem = plain(1, 8, q_len, q_len, 64);
        let candidate = candidates(&problem, &devices::h100()).unwrap().all[0].clone();
        let time = Duration::from_nanos(nanoseconds);
        (Class::of(&problem), Some(Known { candidate, time, baseline: Some(2 * time) }))
    }

    #[test]
    fn choices_come_back_and_add_up() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(&directory.path().join("not yet there"), &identity("1"));
        assert_eq!(store.load().unwrap(), Choices::new());
        let first = Choices::from([choice(100, 5), choice(1, 6)]);
        assert_eq!(store.add(&first).unwrap(), first);
        let second = Choices::from([choice(100, 7), choice(3000, 8)]);
        let all = Choices::from([choice(1, 6), choice(100, 7), choice(3000, 8)]);
        assert_eq!(store.add(&second).unwrap(), all);
        assert_eq!(store.load().unwrap(), all);
        assert_eq!(Store::new(&directory.path().join("not yet there"), &identity("2")).load().unwrap(), Choices::new());
    }

    #[test]
    fn what_is_undecided_is_kept_and_takes_no_choice_away() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path(), &identity("1"));
        let undecided = |q_len| (choice(q_len, 1).0, None);
        store.add(&Choices::from([choice(100, 5), undecided(3000)])).unwrap();
        assert_eq!(store.load().unwrap(), Choices::from([choice(100, 5), undecided(3000)]));
        store.add(&Choices::from([undecided(100), choice(3000, 6)])).unwrap();
        assert_eq!(store.load().unwrap(), Choices::from([choice(100, 5), choice(3000, 6)]));
    }

    #[test]
    fn damage_is_noticed_and_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path(), &identity("1"));
        let choices = Choices::from([choice(100, 5), choice(1, 6), (choice(3000, 7).0, None)]);
        store.add(&choices).unwrap();
        let whole = fs::read(store.file()).unwrap();
        for position in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[position] ^= 0x02;
            fs::write(store.file(), &flipped).unwrap();
            // What is the same but for white space is no damage.
            assert!(store.load().is_err() || whole[position].is_ascii_whitespace(), "a flipped bit in byte {position}");
            fs::write(store.file(), &whole[..position]).unwrap();
            assert!(store.load().is_err() || position + 1 == whole.len(), "cut to {position} bytes");
        }
        fs::write(store.file(), b"nothing that this library wrote").unwrap();
        let error = store.load().unwrap_err().to_string();
        assert!(error.contains("damaged or of another version"), "{error}");
        assert_eq!(store.add(&choices).unwrap(), choices);
        assert_eq!(store.load().unwrap(), choices);
    }

    #[test]
    fn times_that_nobody_measured_are_neither_used_nor_kept() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path(), &identity("1"));
        let kept = Choices::from([choice(1, 6)]);
        let second = 1_000_000_000;
        for (time, baseline, is_credible) in [
            (5, None, true),
            (5, Some(6), true),
            // The tables' choice stays where the baseline is faster by a hair.
            (second + 1, Some(second), true),
            (86_400 * second, None, true),
            (0, None, false),
            (0, Some(5), false),
            (5, Some(0), false),
            (5, Some(2), false),
            (86_400 * second + 1, None, false),
            (5, Some(u64::MAX), false),
            (u64::MAX, Some(u64::MAX), false),
        ] {
            let (class, known) = choice(100, time);
            let known = known.map(|known| Known { baseline: baseline.map(Duration::from_nanos), ..known });
            let [all, new] = [kept.clone(), Choices::new()].map(|mut choices| {
                choices.insert(class, known.clone());
                choices
            });
            // With a checksum that is right.
            fs::create_dir_all(store.file().parent().unwrap()).unwrap();
            fs::write(store.file(), store.document(&all).unwrap()).unwrap();
            let loaded = store.load();
            if is_credible {
                assert_eq!(loaded.unwrap(), all, "{time} and {baseline:?}");
            } else {
                let error = loaded.unwrap_err().to_string();
                assert!(error.contains("damaged") && error.contains("times are above 0"), "{error}");
            }
            // What a measurement itself found is kept on the same terms, so that it does no harm to the rest.
            fs::write(store.file(), store.document(&kept).unwrap()).unwrap();
            assert_eq!(
                store.add(&new).unwrap(),
                if is_credible { all } else { kept.clone() },
                "{time} and {baseline:?}"
            );
        }
    }

    #[test]
    fn choices_are_counted_without_what_is_undecided() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path(), &identity("1"));
        assert_eq!(store.count().unwrap(), 0, "there is no file");
        store.add(&Choices::from([(choice(3000, 1).0, None)])).unwrap();
        assert_eq!(store.count().unwrap(), 0);
        store.add(&Choices::from([choice(100, 5), choice(1, 6)])).unwrap();
        assert_eq!(store.count().unwrap(), 2);
        fs::write(store.file(), b"something else").unwrap();
        assert!(store.count().is_err());
    }

    #[test]
    fn what_holds_for_another_driver_is_not_used() {
        let directory = tempfile::tempdir().unwrap();
        let [ours, theirs] = ["1", "2"].map(|driver| Store::new(directory.path(), &identity(driver)));
        theirs.add(&Choices::from([choice(100, 5)])).unwrap();
        fs::copy(theirs.file(), ours.file()).unwrap();
        let error = ours.load().unwrap_err().to_string();
        assert!(
            error.ends_with(
                "they hold for A GPU (1) (vulkan, 2) and version 0.1.0, this is A GPU (1) (vulkan, 1) and version 0.1.0"
            ),
            "{error}"
        );
    }

    #[test]
    fn a_directory_that_is_a_file_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("cache");
        fs::write(&file, b"").unwrap();
        let store = Store::new(&file, &identity("1"));
        assert!(store.load().is_err());
        let error = store.add(&Choices::from([choice(100, 5)])).unwrap_err().to_string();
        assert!(error.contains("can't be written"), "{error}");
    }

    #[test]
    fn a_lock_that_is_never_given_back_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path(), &identity("1"));
        store.add(&Choices::from([choice(100, 5)])).unwrap();
        let held = File::create(store.file().with_extension("lock")).unwrap();
        held.lock().unwrap();
        let error = store.add(&Choices::from([choice(100, 6)])).unwrap_err().to_string();
        assert!(error.ends_with("can't be written: another process holds its lock"), "{error}");
        assert_eq!(store.load().unwrap(), Choices::from([choice(100, 5)]));
    }

    #[test]
    fn writers_at_once_lose_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path(), &identity("1"));
        std::thread::scope(|scope| {
            for thread in 0..4_u32 {
                let store = store.clone();
                scope.spawn(move || {
                    for round in 0..10_u32 {
                        store
                            .add(&Choices::from([
                                choice(1 << (thread + 1), u64::from(round) + 1),
                                choice(3000 + 1000 * thread, 1),
                            ]))
                            .unwrap();
                    }
                });
            }
        });
        assert_eq!(store.load().unwrap().len(), 8);
        let left: Vec<_> =
            fs::read_dir(store.file().parent().unwrap()).unwrap().map(|f| f.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "the file and its lock: {left:?}");
    }
}
