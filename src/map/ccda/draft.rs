//! The resources of one document while they are built, and the mapping of its elements to parts of them.

use std::collections::HashMap;

use crate::fhir::json::{Node, node};
use crate::formats::ccda::node::{El, all, attr, ids, is_null, kid, kid_attr, kids, kind, path, text};
use crate::map::clinical::{
    ClinicalParty, Coding, Concept, Ids, PartyReference, ResourceBuilder, When, by_oid, date_time, instant, known,
    number, organization, quantity, zone_of,
};

/// nullFlavors, as data absent reasons.
const NULLS: [(&str, &str); 8] = [
    ("UNK", "unknown"),
    ("NI", "unknown"),
    ("ASKU", "asked-unknown"),
    ("NASK", "not-asked"),
    ("NAV", "temp-unknown"),
    ("NA", "not-applicable"),
    ("MSK", "masked"),
    ("OTH", "unsupported"),
];

/// The element of a choice, and its value.
pub(super) type ChoiceValue = (&'static str, Node<'static>);

/// Resources of one document.
pub(super) struct DocumentDraft<'d> {
    pub(super) patient: &'d str,
    pub(super) ids: Ids,
    pub(super) resources: Vec<Node<'static>>,
    pub(super) mentions: Vec<Node<'static>>,
    /// The encounter that the document is about. Entries of a section may be older than it, so they are not linked to
    /// it.
    pub(super) encounter: Option<String>,
    /// When the document was made.
    pub(super) made: Option<String>,
    /// Identifies the document.
    pub(super) document: String,
    zone: Option<String>,
    /// Parts of the narrative by their IDs.
    named: HashMap<&'d str, El<'d>>,
}

impl<'d> DocumentDraft<'d> {
    pub(super) fn new(root: El<'d>, patient: &'d str) -> Self {
        let time = kid_attr(root, "effectiveTime", "value");
        let zone = zone_of(time);
        let named = root.descendants().filter_map(|el| Some((el.attribute("ID")?, el))).collect();
        Self {
            patient,
            // Identifiers of documents are the same wherever they occur.
            ids: Ids::new(patient, "ccda"),
            resources: Vec::new(),
            mentions: Vec::new(),
            encounter: None,
            made: instant(time, zone.as_deref()),
            document: String::new(),
            zone,
            named,
        }
    }

    pub(super) fn subject(&self) -> Node<'static> {
        node!({"reference": format!("Patient/{}", self.patient)})
    }

    /// The id of a statement: its own identifier and its subject. Many systems give one identifier to several
    /// statements, so the identifier alone is not enough.
    pub(super) fn id(&mut self, kind: &str, el: El<'d>, role: &str, concept: &Concept, when: Option<&When>) -> String {
        let own = ids(el).first().map(|(root, extension)| format!("{root}|{extension}"));
        let key = concept.key();
        match own {
            Some(own) => self.ids.next(kind, &[&own, role, &key]),
            None => self.ids.next(kind, &["", role, &key, when.and_then(When::first).unwrap_or_default()]),
        }
    }

    /// Identifiers in FHIR's form.
    pub(super) fn identifiers(el: El<'d>) -> Vec<Node<'static>> {
        let one = |(root, extension): (&str, &str)| {
            let system = by_oid(root);
            if system.is_empty() {
                return None;
            }
            Some(if extension.is_empty() {
                node!({"system": "urn:ietf:rfc:3986", "value": system})
            } else {
                node!({"system": system, "value": extension})
            })
        };
        ids(el).into_iter().filter_map(one).collect()
    }

    pub(super) fn date_time(&self, text: &str) -> Option<String> {
        date_time(text, self.zone.as_deref())
    }

    pub(super) fn instant(&self, text: &str) -> Option<String> {
        instant(text, self.zone.as_deref())
    }

    /// A time or a period, from an element with that name.
    pub(super) fn when(&self, el: El<'d>, name: &str) -> Option<When> {
        self.when_of(kid(el, name)?)
    }

    pub(super) fn when_of(&self, el: El<'d>) -> Option<When> {
        if let Some(at) = self.date_time(attr(el, "value")) {
            return Some(When::At(at));
        }
        if let Some(at) = self.date_time(kid_attr(el, "center", "value")) {
            return Some(When::At(at));
        }
        let edge = |name: &str| self.date_time(kid_attr(el, name, "value"));
        When::between(edge("low"), edge("high"))
    }

    /// The text of an element, or of the part of the narrative that it refers to.
    pub(super) fn words(&self, el: Option<El<'d>>) -> String {
        let Some(el) = el else { return String::new() };
        let reference = kid_attr(el, "reference", "value");
        let named = self.named.get(reference.trim_start_matches('#'));
        match named.filter(|_| !reference.is_empty()) {
            Some(named) => text(*named),
            None => text(el),
        }
    }

    /// The subject of an entry: its code, or the text in place of one; absent if it has neither.
    pub(super) fn act(&self, el: El<'d>) -> Option<Concept> {
        let code = self.concept(kid(el, "code"));
        let code = if code.is_empty() { Concept::words(&self.words(kid(el, "text"))) } else { code };
        Some(code).filter(|code| !code.is_empty())
    }

    /// A coded element with its translations and its original text.
    pub(super) fn concept(&self, el: Option<El<'d>>) -> Concept {
        let Some(el) = el else { return Concept::default() };
        let own = |el: El<'d>| {
            let code = Coding::new(&by_oid(attr(el, "codeSystem")), attr(el, "code"), attr(el, "displayName"));
            (!code.code.is_empty() && !is_null(el)).then_some(code)
        };
        let mut codes: Vec<Coding> = Vec::new();
        for code in [el].into_iter().chain(kids(el, "translation")).filter_map(own) {
            if !codes.iter().any(|other| other.code == code.code && other.system == code.system) {
                codes.push(code);
            }
        }
        let words = self.words(kid(el, "originalText"));
        let words = if words.is_empty() && codes.is_empty() { attr(el, "displayName").to_owned() } else { words };
        Concept { text: words, codes }
    }

    /// A value in FHIR's form.
    pub(super) fn value(&self, el: El<'d>) -> Option<ChoiceValue> {
        let stated = kind(el);
        let stated = match stated {
            "" if el.has_attribute("code") => "CD",
            "" if el.has_attribute("value") => "PQ",
            "" => "ST",
            stated => stated,
        };
        match stated {
            "PQ" | "REAL" | "MO" => self.measured(el),
            "INT" => attr(el, "value").parse::<i32>().ok().map(|value| ("valueInteger", node!(value))),
            "BL" => attr(el, "value").parse::<bool>().ok().map(|value| ("valueBoolean", node!(value))),
            "IVL_PQ" | "IVL_INT" | "IVL_REAL" => interval(el),
            "CD" | "CE" | "CV" | "CO" | "CS" | "SC" => Some(("valueCodeableConcept", self.concept(Some(el)).value()?)),
            "TS" => self.date_time(attr(el, "value")).map(|at| ("valueDateTime", node!(at))),
            "IVL_TS" => match self.when_of(el)? {
                When::At(at) => Some(("valueDateTime", node!(at))),
                when @ When::Between(..) => Some(("valuePeriod", when.period())),
            },
            "RTO" | "RTO_PQ_PQ" => {
                let part = |name: &str| kid(el, name).and_then(|el| quantity(attr(el, "value"), attr(el, "unit"), ""));
                Some(("valueRatio", node!({"numerator": part("numerator")?, "denominator": part("denominator")?})))
            }
            "ED" if attr(el, "representation") == "B64" => None,
            _ => {
                Some(self.words(Some(el))).filter(|words| !words.is_empty()).map(|words| ("valueString", node!(words)))
            }
        }
    }

    /// A number with its unit; where neither can be read, the text beside them.
    fn measured(&self, el: El<'d>) -> Option<ChoiceValue> {
        let of = |el: El<'d>| quantity(attr(el, "value"), attr(el, "unit"), "");
        if let Some(value) = of(el).or_else(|| kids(el, "translation").find_map(of)) {
            return Some(("valueQuantity", value));
        }
        let words = self.concept(kid(el, "translation")).text;
        (!words.is_empty()).then(|| ("valueString", node!(words)))
    }

    /// Why an element has no value.
    pub(super) fn absent(el: Option<El<'d>>) -> &'static str {
        el.and_then(|el| known(&NULLS, attr(el, "nullFlavor"))).unwrap_or("unknown")
    }

    /// A participant in a role, as a reference: the person, or else the organization that she acts for.
    pub(super) fn actor(&mut self, role: El<'d>) -> Option<Node<'static>> {
        let name = path(role, &["assignedPerson", "name"]).or_else(|| path(role, &["playingEntity", "name"]));
        let parts = |wanted: &str| -> Vec<String> {
            name.into_iter().flat_map(|name| kids(name, wanted)).map(text).filter(|part| !part.is_empty()).collect()
        };
        let numbers: Vec<(String, String)> =
            ids(role).into_iter().map(|(root, extension)| (by_oid(root), extension.to_owned())).collect();
        let person = ClinicalParty {
            numbers,
            family: parts("family").join(" "),
            given: parts("given"),
            suffix: parts("suffix").join(" "),
            words: name.map(text).unwrap_or_default(),
        };
        if let Some(spoken) = person.person().filter(|_| name.is_some()) {
            return self.mention(Some(spoken));
        }
        let spoken = kid(role, "representedOrganization").and_then(named_organization);
        self.mention(spoken)
    }

    pub(super) fn organization(&mut self, el: El<'d>) -> Option<Node<'static>> {
        let spoken = named_organization(el);
        self.mention(spoken)
    }

    fn mention(&mut self, spoken: Option<PartyReference>) -> Option<Node<'static>> {
        let spoken = spoken?;
        let is_known = |one: &Node<'static>| self.mentions.iter().any(|other| other.get("id") == one.get("id"));
        if let Some(resource) = spoken.resource.filter(|resource| !is_known(resource)) {
            self.mentions.push(resource);
        }
        Some(spoken.reference)
    }

    /// The performers of an act.
    pub(super) fn performers(&mut self, el: El<'d>) -> Vec<Node<'static>> {
        let mut out = Vec::new();
        for role in all(el, &["performer", "assignedEntity"]) {
            out.extend(self.actor(role).filter(|actor| !out.contains(actor)));
        }
        out
    }

    /// The author of an entry, and the time.
    pub(super) fn author(&mut self, el: El<'d>) -> (Option<Node<'static>>, Option<&'d str>) {
        let Some(author) = kids(el, "author").last() else { return (None, None) };
        let time = kid(author, "time").map(|time| attr(time, "value"));
        (kid(author, "assignedAuthor").and_then(|role| self.actor(role)), time)
    }
}

fn named_organization(el: El<'_>) -> Option<PartyReference> {
    let numbers = ids(el).into_iter().filter(|(_, extension)| !extension.is_empty());
    let numbers = numbers.map(|(root, extension)| (by_oid(root), extension.to_owned())).collect();
    organization(&kid(el, "name").map(text).unwrap_or_default(), numbers)
}

/// Two bounds are a range, one is a comparator.
fn interval(el: El<'_>) -> Option<ChoiceValue> {
    let bound = |name: &str| kid(el, name).filter(|bound| number(attr(*bound, "value")).is_some());
    let of = |bound: El<'_>, comparator: &str| quantity(attr(bound, "value"), attr(bound, "unit"), comparator);
    let is_open = |bound: El<'_>| attr(bound, "inclusive") == "false";
    match (bound("low"), bound("high")) {
        (Some(low), Some(high)) => Some(("valueRange", node!({"low": of(low, "")?, "high": of(high, "")?}))),
        (Some(low), None) => of(low, if is_open(low) { ">" } else { ">=" }).map(|value| ("valueQuantity", value)),
        (None, Some(high)) => of(high, if is_open(high) { "<" } else { "<=" }).map(|value| ("valueQuantity", value)),
        (None, None) => quantity(attr(el, "value"), attr(el, "unit"), "").map(|value| ("valueQuantity", value)),
    }
}

/// A numeric range with its text.
pub(super) fn range(el: El<'_>) -> Option<Node<'static>> {
    let el = kid(el, "observationRange")?;
    let mut out = ResourceBuilder::part();
    if let Some(value) = kid(el, "value") {
        for name in ["low", "high"] {
            out.set(name, kid(value, name).and_then(|bound| quantity(attr(bound, "value"), attr(bound, "unit"), "")));
        }
        if kind(value) == "ST" {
            out.set("text", text(value));
        }
    }
    out.set("text", kid(el, "text").map(text));
    let out = out.value();
    let is_said = ["low", "high", "text"].iter().any(|name| out.get(name).is_some());
    is_said.then_some(out)
}
