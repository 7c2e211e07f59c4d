//! An outbox folder: one file per message, whole or not at all, in the order they were sent.

use std::path::{Path, PathBuf};

use super::{Chance, Clock, Error};

/// Where `file:DIR` transports write.
#[derive(Clone)]
pub(super) struct Folder {
    path: PathBuf,
    clock: Clock,
    chance: Chance,
}

impl Folder {
    pub(super) fn new(path: &str, clock: Clock, chance: Chance) -> Self {
        Self { path: PathBuf::from(path), clock, chance }
    }

    /// Writes one message. The name sorts by time; a reader of the folder never sees half a file.
    pub(super) async fn write(&self, ending: &str, content: Vec<u8>) -> Result<(), Error> {
        let name = format!("{}-{}.{ending}", self.clock.now().strftime("%Y%m%dT%H%M%S.%3fZ"), letters(&self.chance, 6));
        let failed = |cause| Error::Folder { folder: self.path.clone(), cause };
        create(&self.path).await.map_err(failed)?;
        let (part, whole) = (self.path.join(format!(".{name}.part")), self.path.join(name));
        tokio::fs::write(&part, content).await.map_err(failed)?;
        tokio::fs::rename(&part, &whole).await.map_err(failed)
    }
}

async fn create(path: &Path) -> std::io::Result<()> {
    tokio::fs::create_dir_all(path).await
}

/// Random letters without digits: in a message, the code must be the only run of six digits.
pub(super) fn letters(chance: &Chance, count: usize) -> String {
    let mut bytes = vec![0; count];
    chance.fill(&mut bytes);
    bytes.iter().map(|byte| char::from(b'a' + byte % 16)).collect()
}
