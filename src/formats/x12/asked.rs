//! Cuts a 270 or 271 into parts: one subscriber with her dependants, together with the levels above her.

use super::segment::Seg;

/// The longest part: a family with every benefit of every member has some ten thousand bytes.
const PART_MAX: usize = 1 << 20;

/// A 270 or 271 under way.
#[derive(Default)]
pub(super) struct Asked {
    /// BHT, then what stands under the source, then under the receiver.
    above: [String; 3],
    /// How many of these are open.
    depth: usize,
    /// Whether somebody stands under what is open.
    has_people: bool,
    part: Option<(u64, String)>,
    too_long: bool,
}

/// A part, or that it was longer than any may be; with the number of its first segment.
pub(super) type Cut = Result<(u64, String), u64>;

impl Asked {
    /// Takes a segment and its number; gives back the part that it ends.
    pub(super) fn take(&mut self, seg: Seg<'_>, text: &str, number: u64) -> Option<Cut> {
        let level = if seg.name() == "HL" { seg.at(3) } else { "" };
        let mut done = None;
        match level {
            "20" | "21" => {
                done = self.end(number);
                let depth = if level == "20" { 1 } else { 2 };
                self.above.iter_mut().skip(depth).for_each(String::clear);
                (self.depth, self.has_people) = (depth, false);
            }
            "22" => {
                done = self.end(number);
                self.has_people = true;
                self.part = Some((number, self.above.concat()));
            }
            _ => {}
        }
        let open = match &mut self.part {
            Some((_, part)) => Some(part),
            None => self.above.get_mut(self.depth),
        };
        if let Some(open) = open {
            if open.len() + text.len() > PART_MAX {
                self.too_long = true;
            } else {
                open.push_str(text);
            }
        }
        done
    }

    /// The part that is open. What stands above people is one if it holds a refusal and nobody stands under it.
    pub(super) fn end(&mut self, number: u64) -> Option<Cut> {
        let is_refusal = !self.has_people && self.above.iter().any(|text| text.contains("AAA\u{1d}"));
        let bare = || is_refusal.then(|| (number, self.above.concat()));
        let part = self.part.take().or_else(bare)?;
        Some(if std::mem::take(&mut self.too_long) { Err(part.0) } else { Ok(part) })
    }
}
