//! Results (ORU): a report for each OBR, an observation for each OBX, and the report lists its observations.
//!
//! An observation is identified across messages by sender, filler order number, code and sub-number, and patient; if it
//! is a child of another result, such as the susceptibilities of an organism, by the parent too. So a corrected result
//! replaces the earlier one, and a deleted one is marked as entered in error.

use super::draft::MessageDraft;
use super::specimen;
use super::value::{ChoiceValue, document, flags, range, unit, values};
use crate::fhir::json::{Node, node};
use crate::formats::hl7v2::{Message, Segment};
use crate::map::clinical::{
    Attached, Category, Concept, ObservationDraft, ReportDraft, When, about_life, known, organization, pressures,
    vital_sign,
};

const LOINC: &str = "http://loinc.org";
/// Diagnostic service sections (table 0074) whose results are images.
const IMAGING: [&str; 9] = ["RAD", "CT", "CUS", "MR", "NMR", "NMS", "RUS", "VUS", "XRC"];

/// States of an observation (table 0085).
const STATES: [(&str, &str); 13] = [
    ("F", "final"),
    ("U", "final"),
    ("P", "preliminary"),
    ("S", "preliminary"),
    ("R", "preliminary"),
    ("I", "registered"),
    ("O", "registered"),
    ("C", "corrected"),
    ("X", "cancelled"),
    ("N", "cancelled"),
    ("D", "entered-in-error"),
    ("W", "entered-in-error"),
    ("A", "amended"),
];

/// States of a report (table 0123).
const REPORT_STATES: [(&str, &str); 9] = [
    ("O", "registered"),
    ("I", "registered"),
    ("S", "registered"),
    ("A", "partial"),
    ("R", "preliminary"),
    ("P", "preliminary"),
    ("C", "corrected"),
    ("F", "final"),
    ("X", "cancelled"),
];

/// An OBR with the segments after it.
struct Group<'s, 'm> {
    order: Option<&'s Segment<'m>>,
    request: &'s Segment<'m>,
    specimens: Vec<&'s Segment<'m>>,
    notes: Vec<String>,
    observed: Vec<Observed<'s, 'm>>,
}

/// An OBX with its notes.
pub(super) struct Observed<'s, 'm> {
    pub(super) segment: &'s Segment<'m>,
    pub(super) notes: Vec<String>,
}

/// Maps the reports of a message.
pub(super) fn map(draft: &mut MessageDraft<'_>) {
    let message = draft.message;
    let mut reported = Vec::new();
    for group in groups(message) {
        report(draft, &group, &mut reported);
    }
}

/// An observation that may be the parent of a later report of the message.
struct ReportedResult {
    /// Filler order number, code, sub-number.
    name: [String; 3],
    id: String,
}

/// The parent result of a report (OBR-26 and OBR-29).
#[derive(Default)]
struct Parent {
    /// Filler order number, code, sub-number.
    name: [String; 3],
    /// The parent result as text.
    words: String,
}

impl Parent {
    fn of(request: &Segment<'_>, own: &str) -> Option<Self> {
        let (result, order) = (request.field(26), request.field(29));
        if result.is_empty() && order.is_empty() {
            return None;
        }
        let [filler, placer] = [2, 1].map(|at| order.component(at).sub(1).whole());
        let number = [filler, placer, own.to_owned()].into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        let code = result.component(1).sub(1).whole();
        Some(Self { name: [number, code, result.component(2).text()], words: result.component(3).whole() })
    }

    /// Distinguishes reports on this parent from reports on others.
    fn key(&self) -> String {
        let [number, code, turn] = &self.name;
        format!("of {number}|{code}|{}", if turn.is_empty() { &self.words } else { turn })
    }

    /// The parent result itself if the message has it, or else its text.
    fn reference(&self, reported: &[ReportedResult]) -> Option<Node<'static>> {
        if self.name.iter().skip(1).all(String::is_empty) {
            return None;
        }
        match reported.iter().find(|one| one.name == self.name) {
            Some(one) => Some(node!({"reference": format!("Observation/{}", one.id)})),
            None if self.words.is_empty() => None,
            None => Some(node!({"type": "Observation", "display": crate::formats::cells::text::line(&self.words)})),
        }
    }
}

/// Links the parent observation to its member results.
fn belong(draft: &mut MessageDraft<'_>, parent: &Node<'static>, members: &[Node<'static>]) {
    let id = parent.text_of("reference").and_then(|text| text.strip_prefix("Observation/"));
    let of_id = |one: &&mut Node<'static>| id.is_some() && one.text_of("id") == id;
    let Some(parent) = draft.resources.iter_mut().find(of_id) else { return };
    for member in members {
        parent.push("hasMember", member);
    }
}

fn groups<'s, 'm>(message: &'s Message<'m>) -> Vec<Group<'s, 'm>> {
    let mut out: Vec<Group<'s, 'm>> = Vec::new();
    let mut order = None;
    for segment in &message.segments {
        match segment.name {
            "ORC" => order = Some(segment),
            "OBR" => {
                let order = order.take();
                out.push(Group {
                    order,
                    request: segment,
                    specimens: Vec::new(),
                    notes: Vec::new(),
                    observed: Vec::new(),
                });
            }
            "SPM" => out.iter_mut().rev().take(1).for_each(|group| group.specimens.push(segment)),
            "OBX" => out.iter_mut().rev().take(1).for_each(|group| group.observed.push(observed(segment))),
            "NTE" => {
                if let Some(group) = out.last_mut() {
                    let notes = group.observed.last_mut().map_or(&mut group.notes, |one| &mut one.notes);
                    notes.push(segment.field(3).whole());
                }
            }
            _ => {}
        }
    }
    out
}

pub(super) fn observed<'s, 'm>(segment: &'s Segment<'m>) -> Observed<'s, 'm> {
    Observed { segment, notes: Vec::new() }
}

fn report(draft: &mut MessageDraft<'_>, group: &Group<'_, '_>, reported: &mut Vec<ReportedResult>) {
    let request = group.request;
    let code = MessageDraft::concept(request.field(4));
    let ordered = |at: usize| group.order.map(|order| order.field(at)).filter(|part| !part.is_empty());
    let filler = Some(request.field(3)).filter(|part| !part.is_empty()).or_else(|| ordered(3));
    let placer = Some(request.field(2)).filter(|part| !part.is_empty()).or_else(|| ordered(2));
    let (begun, ended) = (draft.date_time(request.field(7)), draft.date_time(request.field(8)));
    let when = if ended.is_some() { When::between(begun, ended) } else { begun.map(When::At) };
    let when = when
        .or_else(|| draft.date_time(group.specimens.first()?.field(17)).map(When::At))
        .or_else(|| group.observed.iter().find_map(|one| draft.date_time(one.segment.field(14))).map(When::At));
    let number = filler.or(placer).map(|part| part.component(1).text()).unwrap_or_default();
    // Without a number, the time identifies it.
    let time = when.as_ref().filter(|_| number.is_empty()).and_then(When::first).unwrap_or_default().to_owned();
    let parent = Parent::of(request, &number);
    let of_parent = parent.as_ref().and_then(|parent| parent.reference(reported));
    let mut key = vec![number, time, code.key()];
    key.extend(parent.as_ref().map(Parent::key));
    let key: Vec<&str> = key.iter().map(String::as_str).collect();
    let is_image = IMAGING.contains(&request.field(24).text().as_str());
    let issued = draft.instant(request.field(22)).or_else(|| draft.sent());
    let state = known(&REPORT_STATES, &request.field(25).text());

    let specimens = specimen::all(draft, &group.specimens, request, &key);
    // With several specimens, the message does not say which one a result belongs to.
    let specimen = if let [one] = specimens.as_slice() { Some(one.clone()) } else { None };
    let (texts, others): (Vec<_>, Vec<_>) =
        joined(draft, &group.observed).into_iter().partition(|one| is_image && one.is_text);
    let mut forms: Vec<Node<'static>> =
        group.observed.iter().filter_map(|one| document(one.segment)).map(Attached::value).collect();
    forms.extend(
        texts
            .iter()
            .filter_map(|one| Some(Attached::of("text/plain", one.value.as_ref()?.1.text()?.as_bytes()).value())),
    );
    let mut seen = Vec::new();
    for one in others {
        let turn = one.segment.field(4).text();
        let own = one.code.key();
        let id = draft.ids.next("Observation", &[key.as_slice(), &[&own, &turn]].concat());
        let name = [key.first().copied().unwrap_or_default(), &one.segment.field(3).text(), &turn].map(str::to_owned);
        reported.push(ReportedResult { name, id: id.clone() });
        let category = if is_image { Category::Imaging } else { Category::Laboratory };
        let derived = of_parent.iter().cloned().collect();
        let before = ObservationDraft {
            id,
            when: when.clone(),
            issued: issued.clone(),
            category,
            derived,
            specimen: specimen.clone(),
            ..ObservationDraft::default()
        };
        seen.push(observation(draft, one, before, state));
    }
    let seen = pressures(seen);
    // A report without a status is final if all its observations are.
    let is_final = !seen.is_empty() && seen.iter().all(|one| one.status == "final");
    let state = state.unwrap_or(if is_final { "final" } else { "unknown" });
    let is_report = seen.iter().any(|one| one.category != Category::VitalSigns) || !forms.is_empty() || seen.is_empty();
    let results: Vec<Node<'static>> =
        seen.iter().map(|one| node!({"reference": format!("Observation/{}", one.id)})).collect();
    if let Some(parent) = &of_parent {
        belong(draft, parent, &results);
    }
    let observations: Vec<Node<'static>> = seen.into_iter().map(|one| one.resource(draft.patient)).collect();

    if is_report && !code.is_empty() {
        let report = ReportDraft {
            id: draft.ids.next("DiagnosticReport", &key),
            identifiers: [filler, placer].into_iter().flatten().filter_map(|part| draft.entity(part)).collect(),
            status: state,
            is_image,
            code,
            when,
            issued,
            performers: performers(draft, group),
            interpreter: person_of(draft, request),
            specimens,
            results,
            conclusion: group.notes.join("\n"),
            forms,
        };
        draft.resources.push(report.resource(draft.patient));
    }
    draft.resources.extend(observations);
}

/// The laboratory, as the observations name it.
fn performers(draft: &mut MessageDraft<'_>, group: &Group<'_, '_>) -> Vec<Node<'static>> {
    let name = group.observed.iter().map(|one| one.segment.field(23).text()).find(|name| !name.is_empty());
    let spoken = name.and_then(|name| organization(&name, Vec::new()));
    let producer = || group.observed.iter().find_map(|one| producer(one.segment));
    draft.mention(spoken).or_else(producer).or_else(|| draft.facility()).into_iter().collect()
}

/// The producer of an observation, by the older field (OBX-15).
fn producer(segment: &Segment<'_>) -> Option<Node<'static>> {
    let field = segment.field(15);
    let name = [2, 1].iter().map(|at| field.component(*at).text()).find(|name| !name.is_empty())?;
    Some(node!({"type": "Organization", "display": crate::formats::cells::text::line(&name)}))
}

/// The interpreter of the results (NDL: a person with a number, as subcomponents).
fn person_of(draft: &mut MessageDraft<'_>, request: &Segment<'_>) -> Option<Node<'static>> {
    let person = request.field(32).component(1);
    let given = person.sub(3).text();
    let party =
        crate::map::clinical::ClinicalParty { family: person.sub(2).text(), given: vec![given], ..Default::default() };
    draft.mention(party.person())
}

/// An observation from one OBX, or from several that are lines of one text.
pub(super) struct Joined<'s, 'm> {
    segment: &'s Segment<'m>,
    code: Concept,
    is_text: bool,
    value: Option<ChoiceValue>,
    /// The values, if there are several.
    parts: Vec<ChoiceValue>,
    notes: Vec<String>,
}

/// Joins lines of text that come in one OBX each into one value.
pub(super) fn joined<'s, 'm>(draft: &MessageDraft<'_>, observed: &[Observed<'s, 'm>]) -> Vec<Joined<'s, 'm>> {
    let mut out: Vec<Joined<'s, 'm>> = Vec::new();
    for one in observed {
        let segment = one.segment;
        let code = MessageDraft::concept(segment.field(3));
        if segment.field(2).text() == "ED" || code.is_empty() {
            continue;
        }
        let is_text = matches!(segment.field(2).text().as_str(), "TX" | "FT");
        let mut parts = values(draft, segment);
        let value = if parts.len() > 1 { None } else { parts.pop() };
        if let Some(last) = out.last_mut().filter(|last| is_text && last.is_text && last.code == code) {
            let lines =
                [last.value.take(), value].into_iter().flatten().filter_map(|(_, text)| Some(text.text()?.to_owned()));
            last.value = Some(("valueString", node!(lines.collect::<Vec<_>>().join("\n"))));
            last.notes.extend(one.notes.iter().cloned());
            continue;
        }
        out.push(Joined { segment, code, is_text, value, parts, notes: one.notes.clone() });
    }
    for one in &mut out {
        one.value.take_if(|(_, value)| value.is_empty());
    }
    out
}

/// Builds the observation of an OBX on top of the facts of its report.
pub(super) fn observation(
    draft: &mut MessageDraft<'_>,
    one: Joined<'_, '_>,
    before: ObservationDraft,
    report: Option<&'static str>,
) -> ObservationDraft {
    let segment = one.segment;
    let state = segment.field(11).text();
    // An observation without a status takes its report's, if observations have that status.
    let of_report = report.filter(|state| STATES.iter().any(|(_, known)| known == state)).unwrap_or("unknown");
    let status = known(&STATES, &state).unwrap_or(if state.is_empty() { of_report } else { "unknown" });
    let absent = match status {
        "cancelled" => "not-performed",
        "registered" => "temp-unknown",
        _ => "unknown",
    };
    let is_vital = one.code.code_in(LOINC).is_some_and(vital_sign);
    let name = segment.field(23).text();
    let spoken = organization(&name, Vec::new());
    let performer = draft.mention(spoken);
    let observer = draft.person(segment.field(16));
    let mut performers: Vec<Node<'static>> = performer.into_iter().chain(observer).collect();
    if performers.is_empty() {
        performers.extend(producer(segment).or_else(|| draft.facility()));
    }
    let is_life = one.code.code_in(LOINC).is_some_and(about_life);
    let category = match before.category {
        _ if is_vital => Category::VitalSigns,
        _ if is_life => Category::SocialHistory,
        category => category,
    };
    ObservationDraft {
        status,
        category,
        when: draft.date_time(segment.field(14)).map(When::At).or(before.when),
        value: one.value,
        parts: one.parts.into_iter().map(|held| (one.code.clone(), Some(held))).collect(),
        absent,
        interpretations: flags(segment.field(8)),
        ranges: range(&segment.field(7).whole(), &unit(segment.field(6))).into_iter().collect(),
        notes: one.notes,
        performers,
        method: MessageDraft::concept(segment.field(17)),
        site: MessageDraft::concept(segment.field(20)),
        code: one.code,
        ..before
    }
}

impl Joined<'_, '_> {
    pub(super) const fn code(&self) -> &Concept {
        &self.code
    }

    /// When it was observed, if the OBX itself states it.
    pub(super) fn time(&self, draft: &MessageDraft<'_>) -> Option<String> {
        draft.date_time(self.segment.field(14))
    }
}
