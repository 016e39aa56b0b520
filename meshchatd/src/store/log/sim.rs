//! A disk in memory that loses, tears and reorders what was not synced, and fails on command.

use std::collections::BTreeMap;
use std::io;

use super::Disk;

/// A small generator (Steele, Lea, Flood, SplitMix64, 2014), so that a seed replays.
#[derive(Debug, Clone)]
pub(super) struct Rng(pub(super) u64);

impl Rng {
    pub(super) fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % most
    }

    pub(super) fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }
}

#[derive(Debug, Clone, Default)]
struct File {
    /// As a running system sees it.
    bytes: Vec<u8>,
    /// So much of it is safe.
    safe: usize,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Fault {
    #[default]
    None,
    /// Writes fail from the one with this number on, for so many writes; half of it is written.
    Full { from: u64, count: u64 },
    /// Nothing can be changed.
    ReadOnly,
    /// Syncs fail.
    Sync,
}

/// See the module. Clones are other disks with the same content.
#[derive(Debug, Clone, Default)]
pub(super) struct SimDisk {
    files: BTreeMap<u64, File>,
    /// Removed, but not yet safely so.
    removed: BTreeMap<u64, File>,
    open: Option<u64>,
    pub(super) fault: Fault,
    pub(super) writes: u64,
    pub(super) syncs: u64,
}

const SECTOR: usize = 512;

impl SimDisk {
    /// The power goes: of what was not synced any sectors may be there, or older rubbish.
    pub(super) fn crash(&mut self, rng: &mut Rng) {
        self.open = None;
        for (number, file) in std::mem::take(&mut self.removed) {
            if rng.chance(2) {
                self.files.insert(number, file);
            }
        }
        for file in self.files.values_mut() {
            let unsafe_bytes = file.bytes.len() - file.safe;
            if unsafe_bytes == 0 {
                continue;
            }
            let length = match rng.below(4) {
                0 => file.safe,
                1 => file.bytes.len(),
                _ => file.safe + usize::try_from(rng.below(unsafe_bytes as u64 + 1)).unwrap(),
            };
            file.bytes.truncate(length);
            let all = rng.chance(3);
            for sector in file.bytes[file.safe..].chunks_mut(SECTOR) {
                match rng.below(3) {
                    _ if all => {}
                    0 => sector.fill(0),
                    1 => sector.iter_mut().for_each(|byte| *byte ^= 0x5a),
                    _ => {}
                }
            }
            file.safe = file.bytes.len();
        }
    }

    /// The process is killed: nothing is lost that it wrote.
    pub(super) fn kill(&mut self) {
        self.open = None;
    }

    /// The only file, to be damaged.
    pub(super) fn only(&mut self) -> &mut Vec<u8> {
        assert_eq!(self.files.len(), 1);
        &mut self.files.values_mut().next().unwrap().bytes
    }

    pub(super) fn segments(&self) -> Vec<u64> {
        self.files.keys().copied().collect()
    }

    pub(super) fn bytes(&self) -> usize {
        self.files.values().map(|file| file.bytes.len()).sum()
    }

    fn write(&mut self) -> io::Result<()> {
        self.writes += 1;
        match self.fault {
            Fault::ReadOnly => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
            Fault::Full { from, count }
                if (from..from.saturating_add(count)).contains(&self.writes) =>
            {
                Err(io::ErrorKind::StorageFull.into())
            }
            Fault::None | Fault::Full { .. } | Fault::Sync => Ok(()),
        }
    }
}

impl Disk for SimDisk {
    fn list(&mut self) -> io::Result<Vec<u64>> {
        Ok(self.files.keys().rev().copied().collect())
    }

    fn read(&mut self, segment: u64, most: usize) -> io::Result<Vec<u8>> {
        let file = self.files.get(&segment).ok_or(io::ErrorKind::NotFound)?;
        Ok(file.bytes[..file.bytes.len().min(most)].to_vec())
    }

    fn open(&mut self, segment: u64, new: bool) -> io::Result<()> {
        self.open = None;
        if new {
            self.write()?;
            assert!(self.files.insert(segment, File::default()).is_none(), "made twice");
        }
        assert!(self.files.contains_key(&segment));
        self.open = Some(segment);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let done = self.write();
        let file = self.files.get_mut(&self.open.unwrap()).unwrap();
        let written = if done.is_ok() { bytes } else { &bytes[..bytes.len() / 2] };
        if self.fault != Fault::ReadOnly {
            file.bytes.extend(written);
        }
        done
    }

    fn sync(&mut self) -> io::Result<()> {
        self.syncs += 1;
        let file = self.files.get_mut(&self.open.unwrap()).unwrap();
        if matches!(self.fault, Fault::Sync | Fault::ReadOnly) {
            return Err(io::ErrorKind::Other.into());
        }
        file.safe = file.bytes.len();
        Ok(())
    }

    fn remove(&mut self, segment: u64) -> io::Result<()> {
        if self.fault == Fault::ReadOnly {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        let file = self.files.remove(&segment).ok_or(io::ErrorKind::NotFound)?;
        self.removed.insert(segment, file);
        if self.open == Some(segment) {
            self.open = None;
        }
        Ok(())
    }
}
