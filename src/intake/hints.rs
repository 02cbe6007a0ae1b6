//! Hints from the watcher to whoever decides, over a bounded channel that loses no wake-up.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, TrySendError};

/// Where to look, and why. Paths are relative to the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// The file was moved into place.
    Renamed(PathBuf),
    /// A writer closed the file.
    Closed(PathBuf),
    /// The name appeared: a writer opened it, or it was linked there and no close will follow.
    Created(PathBuf),
    /// A marker or a manifest came to this name.
    Sign(PathBuf),
    /// List the folder: events were lost, or a folder came whose files nobody reported.
    Rescan,
    /// The inbox itself was removed, moved away or unmounted; this watcher will say nothing more.
    Lost,
}

/// The reading end. The flag belongs to the channel: see [`HintReader::missed`].
#[derive(Debug)]
pub(super) struct HintReader {
    receiver: Receiver<Hint>,
    missed: Arc<AtomicBool>,
}

/// The writing end; never blocks.
#[derive(Debug)]
pub(super) struct HintWriter {
    sender: Sender<Hint>,
    missed: Arc<AtomicBool>,
}

/// A channel for `capacity` hints; a hint that finds it full is turned into "rescan wanted".
pub(super) fn hint_channel(capacity: usize) -> (HintWriter, HintReader) {
    // With no room at all a send succeeds only while somebody is receiving, and a wake-up could be lost.
    let (sender, receiver) = crossbeam_channel::bounded(capacity.max(1));
    let missed = Arc::new(AtomicBool::new(false));
    (HintWriter { sender, missed: Arc::clone(&missed) }, HintReader { receiver, missed })
}

impl HintReader {
    pub(super) fn receiver(&self) -> &Receiver<Hint> {
        &self.receiver
    }

    /// Whether hints found the channel full since this was last asked.
    pub(super) fn missed(&self) -> bool {
        self.missed.swap(false, Ordering::SeqCst)
    }
}

impl HintWriter {
    pub(super) fn send(&self, hint: Hint) {
        if let Err(TrySendError::Full(_)) = self.sender.try_send(hint) {
            self.missed.store(true, Ordering::SeqCst);
            // The reader may have emptied the channel and looked at the flag before it was set. Either this message
            // wakes it, or the channel is full again and a message is still to be received after the flag was set.
            let _ = self.sender.try_send(Hint::Rescan);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn a_full_channel_becomes_a_rescan() {
        let (writer, reader) = hint_channel(2);
        assert!(!reader.missed());
        for name in ["a", "b", "c"] {
            writer.send(Hint::Closed(PathBuf::from(name)));
        }
        assert_eq!(reader.receiver().try_iter().count(), 2);
        assert!(reader.missed());
        assert!(!reader.missed());
    }

    #[test]
    fn no_wake_up_is_lost_whatever_the_interleaving() {
        for _ in 0..200 {
            let (writer, reader) = hint_channel(1);
            // What a listing would find: a file is there before its hint is sent.
            let files = Arc::new(AtomicUsize::new(0));
            let made = Arc::clone(&files);
            let sending = std::thread::spawn(move || {
                for number in 1..=50 {
                    made.store(number, Ordering::SeqCst);
                    writer.send(Hint::Closed(number.to_string().into()));
                }
            });
            let mut known = 0;
            while let Ok(hint) = reader.receiver().recv() {
                if reader.missed() || hint == Hint::Rescan {
                    known = files.load(Ordering::SeqCst);
                } else if let Hint::Closed(path) = hint {
                    known = known.max(path.to_str().unwrap().parse().unwrap());
                }
            }
            sending.join().unwrap();
            // After the last message the reader knows of the last file, by name or by a listing.
            assert!(known == 50 && !reader.missed());
        }
    }
}
