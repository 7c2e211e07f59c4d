//! Cuts a 270 or 271 into parts: one subscriber with her dependents, together with the levels above her.

use super::segment::Seg;

/// The longest part: a family with every benefit of every member has some ten thousand bytes.
const PART_MAX: usize = 1 << 20;

/// A 270 or 271 while it is read.
#[derive(Default)]
pub(super) struct Asked {
    /// BHT, then the segments of the source's level, then of the receiver's.
    above: [String; 3],
    /// How many of these levels are open.
    depth: usize,
    /// Whether the open levels have a subscriber or dependent.
    has_people: bool,
    part: Option<(u64, String)>,
    too_long: bool,
}

/// A part, or the fact that it was too long; with the number of its first segment.
pub(super) type Cut = Result<(u64, String), u64>;

impl Asked {
    /// Takes a segment and its number; returns the part that it ends.
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

    /// The open part. The levels above people are a part if they hold a refusal and nobody stands below them.
    pub(super) fn end(&mut self, number: u64) -> Option<Cut> {
        let is_refusal = !self.has_people && self.above.iter().any(|text| text.contains("AAA\u{1d}"));
        let bare = || is_refusal.then(|| (number, self.above.concat()));
        let part = self.part.take().or_else(bare)?;
        Some(if std::mem::take(&mut self.too_long) { Err(part.0) } else { Ok(part) })
    }
}
