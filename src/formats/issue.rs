//! What a reader says about a record that it refuses or doubts: where it stands, which rule it breaks, and why. Pure.

use std::sync::Arc;

use serde::Serialize;

/// Where a record stands.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) file: Arc<str>,
    pub(crate) line: u64,
    pub(crate) entry: Option<usize>,
}

impl Place {
    pub(crate) fn reject(&self, rule: Rule, reason: impl Into<String>) -> (Rule, Reject) {
        let reason = reason.into();
        (rule, Reject { file: self.file.to_string(), line: self.line, entry: self.entry, rule: rule.name(), reason })
    }
}

/// The place of a record in a file, by line or segment from 1.
pub(crate) fn place(file: &Arc<str>, line: u64) -> Place {
    Place { file: Arc::clone(file), line, entry: None }
}

/// Why a record was refused, or what was noticed about one that was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// The file is of no format that can be loaded.
    UnknownFile,
    /// The file cannot be read as it is: damaged, packed in a way that is not undone, or no file at all.
    Unreadable,
    /// The file or line is not JSON.
    Json,
    /// It is JSON and not a FHIR resource we can keep.
    Resource,
    /// A line is longer than a resource may be.
    TooLong,
    /// The file ends in the middle.
    Truncated,
    /// A row of a table lacks what a member needs.
    Member,
    /// A row names a member that is not on the roster.
    UnknownMember,
    /// Kept; an address could not be read, so nobody can sign in with it.
    Contact,
    /// Kept as a logical reference, because what it names was not found.
    Unresolved,
    /// Not as FHIR R4 or a profile that it claims says.
    Invalid,
    /// Kept, though it is not as FHIR R4 or a profile that it claims says.
    Doubtful,
    /// A claim lacks what an `ExplanationOfBenefit` needs.
    Claim,
    /// A row of a table of claims lacks what an `ExplanationOfBenefit` needs.
    ClaimRow,
    /// Kept; a row names the member by her number and by nothing else.
    NumberAlone,
    /// Kept; two rows of one line say different things, and not which is the later.
    Undated,
    /// A review lacks what a prior authorization needs.
    Review,
    /// Segments that stand where no format allows them, or that end in the middle.
    Segment,
    /// A clinical document that is not whole, or not XML that is accepted.
    Document,
    /// Kept; entries of a document are of kinds that are not read.
    NotRead,
    /// A transaction set or message that is not loaded.
    OtherMessage,
    /// Read and not kept: questions about eligibility and their answers.
    Eligibility,
    /// A question about eligibility, or an answer, that is not as the guide says.
    EligibilityFlaw,
    /// Kept; counts or control numbers of the envelope disagree with what is there.
    Totals,
    /// Kept; a payment does not balance to the cent.
    Unbalanced,
    /// Kept; lines of a payment are not on the claim.
    UnmatchedLines,
    /// Kept; a claim of another member or provider says that it replaces this one.
    StrangeReplacement,
    /// Kept aside; a payment whose claim has not come.
    NoClaim,
    /// Kept aside since an earlier load; the member is still not on the roster.
    Waiting,
    /// Kept; nothing was decided about the claim yet.
    Undecided,
    /// A provider, facility or network lacks what the directory needs.
    Provider,
    /// The last digit of an NPI does not fit the others.
    CheckDigit,
    /// Kept; a specialty is in words, or its code is none that a directory may use, so nobody finds the provider by it.
    Specialty,
    /// A drug or a plan of the formulary lacks what the drug list needs.
    Drug,
    /// Kept as no longer available: the drug list says that the plan does not pay for the drug.
    NotCovered,
    /// Left out: a row of the registry about a provider who is not in the directory.
    NotListed,
    /// Ended: the files of a complete list do not name it any more.
    NoLongerListed,
    /// Nothing was ended, for the files of a list that should be complete look cut off.
    ListTooShort,
    /// Kept; a claim without any amounts.
    NoAdjudication,
    /// Kept; the last digit of an NPI does not fit the others.
    DoubtfulNpi,
    /// Kept; no provider says to be in the network.
    EmptyNetwork,
    /// Kept; a place without a street.
    NoStreet,
    /// Kept; a member whom no code can reach.
    NoContact,
    /// Kept; something was done before the member was born.
    BeforeBirth,
    /// Not a refusal: the row itself says that a newer one replaces it.
    Superseded,
}

impl Rule {
    /// The stable name in machine-readable output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnknownFile => "unknown-file",
            Self::Unreadable => "unreadable-file",
            Self::Json => "json",
            Self::Resource => "resource",
            Self::TooLong => "too-long",
            Self::Truncated => "truncated",
            Self::Member => "member",
            Self::UnknownMember => "unknown-member",
            Self::Contact => "contact",
            Self::Unresolved => "unresolved-reference",
            Self::Invalid => "invalid",
            Self::Doubtful => "not-valid-but-kept",
            Self::Claim => "claim",
            Self::ClaimRow => "claim-row",
            Self::NumberAlone => "member-by-number-alone",
            Self::Undated => "rows-without-order",
            Self::Review => "prior-authorization",
            Self::Segment => "segment",
            Self::Document => "document",
            Self::NotRead => "entries-not-read",
            Self::OtherMessage => "other-message",
            Self::Eligibility => "eligibility-not-kept",
            Self::EligibilityFlaw => "eligibility-segment",
            Self::Totals => "envelope-totals",
            Self::Unbalanced => "totals-disagree",
            Self::UnmatchedLines => "payment-lines-unmatched",
            Self::StrangeReplacement => "replaced-by-another-member",
            Self::NoClaim => "payment-without-claim",
            Self::Waiting => "waiting-for-member",
            Self::Undecided => "claim-without-payment",
            Self::Provider => "provider",
            Self::CheckDigit => "npi-check-digit",
            Self::Specialty => "specialty",
            Self::Drug => "drug",
            Self::NotCovered => "drug-not-covered",
            Self::NotListed => "not-in-directory",
            Self::NoLongerListed => "no-longer-listed",
            Self::ListTooShort => "list-too-short",
            Self::NoAdjudication => "claim-without-amounts",
            Self::DoubtfulNpi => "npi-doubtful",
            Self::EmptyNetwork => "network-without-providers",
            Self::NoStreet => "location-without-street",
            Self::NoContact => "member-without-contact",
            Self::BeforeBirth => "before-birth",
            Self::Superseded => "superseded",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn fix(self) -> &'static str {
        match self {
            Self::UnknownFile => "leave these files out, or force a format with --as",
            Self::Unreadable => "unpack, save or copy these files as the reason says, and load them again",
            Self::Json => "export the named lines again; they are not whole JSON",
            Self::Resource => "correct the named elements where the data comes from",
            Self::TooLong => {
                "split what is too long: a resource without its attachments, a table with every quotation mark closed"
            }
            Self::Truncated => "copy the file again; good records before the cut are kept",
            Self::Member => "fill the named columns; if they have other names, use --map",
            Self::Provider => {
                "correct what is named where the file comes from; if columns of your own table have other names, use --map"
            }
            Self::UnknownMember => {
                "load the members file first, or together with this one; claims, payments and reviews are kept aside and \
                 follow by themselves then, other records must be loaded again. A dry run enrols nobody, so who comes with this \
                 load is not known yet"
            }
            Self::Contact => "correct the address; until then the member cannot get a code there",
            Self::Unresolved => "load the resources that are referred to, then these again",
            Self::Invalid => {
                "correct the named elements where the data comes from, or set [validation] loads to 'warn'"
            }
            Self::Doubtful => {
                "ask for $validate of some of them; set [validation] loads to 'reject' to see each in the report"
            }
            Self::Claim => "correct the named segments where the claims come from, and send them again",
            Self::ClaimRow => {
                "correct the named cells where the table comes from; if its columns have other names, use --map"
            }
            Self::NumberAlone => {
                "add the birth date or the name of the patient to the export; a mistyped number would show a claim to somebody else"
            }
            Self::Undated => {
                "add the day on which each row was paid or processed to the export: two rows of one line differ, and nothing says \
                 which is the later"
            }
            Self::Review => "correct the named segments where the reviews come from, and send them again",
            Self::Segment => "ask the sender for the file again; what could be read of it was kept",
            Self::Document => {
                "ask the sender for the whole document: a ClinicalDocument in XML, without a document type"
            }
            Self::NotRead => "nothing to do: the document is kept whole, and members read there what these entries say",
            Self::OtherMessage => {
                "nothing to do unless the reason names something: they hold nothing that is served here, or are for another system"
            }
            Self::Eligibility => {
                "nothing to do: who is covered, by what and when, follows from the enrolment (834) or the members table; \
                 an answer (271) is a view of it that was true for a moment"
            }
            Self::EligibilityFlaw => "tell the sender; nothing of these questions and answers is kept in any case",
            Self::Totals => "tell the sender; a transfer may have lost segments",
            Self::Unbalanced => "compare these payments with the claims system: charge = paid + adjustments must hold",
            Self::UnmatchedLines => "check that payments carry the line control numbers of their claims (REF*6R)",
            Self::StrangeReplacement => {
                "nothing was cancelled: correct the original number (REF*F8) of the replacement, which names a claim of another \
                 member or provider"
            }
            Self::NoClaim => {
                "load the 837 of these claims; the payments wait for them. If it is loaded, patient, provider or days of the \
                 payment are not those of the claim"
            }
            Self::Waiting => "load the enrolment of these members; what is kept aside follows by itself",
            Self::Undecided => "load the 835 of these claims; until then they are shown as not decided",
            Self::CheckDigit => "look the provider up in the registry (NPPES); a digit was mistyped",
            Self::Specialty => "give the NUCC taxonomy code of the specialty, such as 207Q00000X",
            Self::Drug => "fill what the reason names; a drug needs its RxNorm or NDC code, its plan and its tier",
            Self::NotCovered => {
                "nothing to do; these drugs are kept with the status 'retired', so that nobody takes them for covered"
            }
            Self::NotListed => {
                "nothing to do; with [load] registry = 'all' these providers would be in your directory too"
            }
            Self::NoLongerListed => {
                "nothing to do; [load] complete says that these lists are whole, so what they name no longer is not current"
            }
            Self::ListTooShort => {
                "compare these files with those of the load before; if they are whole, leave in what has ended and give it an end date"
            }
            Self::NoAdjudication => {
                "load what was decided about these claims; members see them without amounts until then"
            }
            Self::DoubtfulNpi => "look these providers up in the registry (NPPES); a digit was mistyped",
            Self::EmptyNetwork => "load the providers of these networks, or take the networks out",
            Self::NoStreet => "give these places a street; nobody finds a doctor by the town alone",
            Self::NoContact => {
                "put an e-mail address or a telephone number on file; until then these members cannot sign in"
            }
            Self::BeforeBirth => {
                "compare birth dates and days of service; one of them is wrong, or a record is filed on the wrong member"
            }
            Self::Superseded => "nothing to do",
        }
    }

    /// Whether a record under this rule was refused.
    #[must_use]
    pub const fn refuses(self) -> bool {
        !matches!(
            self,
            Self::Contact
                | Self::Unresolved
                | Self::Doubtful
                | Self::Superseded
                | Self::NotRead
                | Self::OtherMessage
                | Self::Eligibility
                | Self::EligibilityFlaw
                | Self::Totals
                | Self::Unbalanced
                | Self::UnmatchedLines
                | Self::StrangeReplacement
                | Self::NoClaim
                | Self::Undecided
                | Self::NotCovered
                | Self::NotListed
                | Self::NoLongerListed
                | Self::ListTooShort
                | Self::NoAdjudication
                | Self::DoubtfulNpi
                | Self::EmptyNetwork
                | Self::NoStreet
                | Self::NoContact
                | Self::BeforeBirth
                | Self::NumberAlone
                | Self::Undated
                | Self::Specialty
                | Self::Waiting
        )
    }
}

/// One refused record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reject {
    /// The file as it was named.
    pub file: String,
    /// Line, from 1; 0 for the file as a whole.
    pub line: u64,
    /// Entry of a Bundle, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<usize>,
    /// Name of the rule.
    pub rule: &'static str,
    /// What is wrong; quotes nothing of the record.
    pub reason: String,
}
