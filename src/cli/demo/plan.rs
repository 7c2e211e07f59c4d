//! The made-up plan, out of the binary.

use std::path::Path;

use anyhow::Context;
use rust_embed::Embed;

#[derive(Embed)]
#[folder = "fixtures/demo/plan"]
struct Files;

/// Somebody who can sign in.
pub(super) struct Person {
    pub(super) name: String,
    pub(super) member_id: String,
    pub(super) address: String,
}

/// Writes the files into a folder.
pub(super) fn unpack(folder: &Path) -> anyhow::Result<()> {
    for name in Files::iter() {
        let file = Files::get(&name).with_context(|| format!("{name} is not in the binary"))?;
        let path = folder.join(&*name);
        std::fs::write(&path, &file.data).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

/// Everybody with an address on file, in the order of the roster.
pub(super) fn people() -> Vec<Person> {
    let Some(file) = Files::get("members.csv") else { return Vec::new() };
    let mut reader = csv::Reader::from_reader(&*file.data);
    let columns = reader.headers().cloned().unwrap_or_default();
    let at = |name: &str| columns.iter().position(|column| column == name);
    let (id, first, last) = (at("member_id"), at("first_name"), at("last_name"));
    let (email, phone) = (at("email"), at("phone"));
    reader
        .records()
        .filter_map(Result::ok)
        .filter_map(|row| {
            let cell = |at: Option<usize>| at.and_then(|at| row.get(at)).unwrap_or_default().to_owned();
            let address = [cell(email), cell(phone)].into_iter().find(|address| !address.is_empty())?;
            Some(Person { name: format!("{} {}", cell(first), cell(last)), member_id: cell(id), address })
        })
        .collect()
}
