//! Numbers and quantities: a query's number against a resource's (FHIR R4, search, 3.1.1.4.7 and 3.1.1.4.13).

use super::Prefix;
use crate::fhir::decimal::{Decimal, Scaled, to_float};
use crate::fhir::extract::Amount;
use crate::fhir::ucum;

/// The code system of units.
pub const UCUM: &str = "http://unitsofmeasure.org";
/// Relative error of a conversion between units.
const ERROR: f64 = 1e-9;

/// The number of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Searched {
    /// How it is compared.
    pub prefix: Prefix,
    /// The number.
    pub decimal: Decimal,
}

impl Searched {
    /// True if the prefix holds between the number and an amount. Without a prefix (and with `ne`) the number's
    /// precision counts; with the others the number is taken exactly; `ap` allows a tenth to either side.
    #[must_use]
    pub fn holds(&self, has: &Amount) -> bool {
        let Decimal { value, half } = self.decimal;
        compare(
            self.prefix,
            Range { lo: value.saturating_sub(half), at: value, hi: value.saturating_add(half) },
            Range { lo: has.lo, at: has.lo, hi: has.hi },
        )
    }

    /// The same between two units, as floats.
    #[must_use]
    pub fn holds_in(&self, own: ucum::Unit, has: &Amount, unit: ucum::Unit) -> bool {
        if own.dimension != unit.dimension {
            return false;
        }
        let Decimal { value, half } = self.decimal;
        let ours = |value: Scaled| to_float(value) * own.factor;
        let theirs = |value: Scaled| match value {
            Scaled::MIN => f64::NEG_INFINITY,
            Scaled::MAX => f64::INFINITY,
            value => to_float(value) * unit.factor,
        };
        // The rounding error of a conversion must not decide.
        let slack = ours(value).abs() * ERROR;
        let searched = Range { lo: ours(value - half) - slack, at: ours(value), hi: ours(value + half) + slack };
        let round = |float: f64| if (float - searched.at).abs() <= slack { searched.at } else { float };
        compare(self.prefix, searched, Range { lo: round(theirs(has.lo)), at: 0.0, hi: round(theirs(has.hi)) })
    }
}

#[derive(Clone, Copy)]
struct Range<T> {
    lo: T,
    at: T,
    hi: T,
}

trait Number: PartialOrd + Copy {
    /// The number a tenth of its size away.
    fn around(self) -> (Self, Self);
}

impl Number for Scaled {
    fn around(self) -> (Self, Self) {
        let tenth = (self / 10).abs();
        (self.saturating_sub(tenth), self.saturating_add(tenth))
    }
}

impl Number for f64 {
    fn around(self) -> (Self, Self) {
        let tenth = (self / 10.0).abs();
        (self - tenth, self + tenth)
    }
}

/// Compares `searched`, the query's range, with `has`, the range of the resource's value.
fn compare<T: Number>(prefix: Prefix, searched: Range<T>, has: Range<T>) -> bool {
    let within = has.lo >= searched.lo && has.hi < searched.hi;
    // A number without any room for precision (zero half) equals only itself.
    let within = within || (has.lo == searched.at && has.hi == searched.at);
    match prefix {
        Prefix::Eq => within,
        Prefix::Ne => !within,
        Prefix::Gt => has.hi > searched.at,
        Prefix::Lt => has.lo < searched.at,
        Prefix::Ge => has.hi >= searched.at,
        Prefix::Le => has.lo <= searched.at,
        Prefix::Sa => has.lo > searched.at,
        Prefix::Eb => has.hi < searched.at,
        Prefix::Ap => {
            let (lo, hi) = searched.at.around();
            has.hi >= lo && has.lo <= hi
        }
    }
}

/// True if two units are the same: the same code, or the same text if there is no code.
pub(super) fn same_unit(asked: &str, has: Option<&str>) -> bool {
    has == Some(asked)
}
