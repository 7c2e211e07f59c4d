//! The code systems that lists speak of: their names, their addresses, and the ways in which one code is written.

/// Longer codes are in no list.
const LONGEST: usize = 24;

/// How codes of a system are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As they are.
    Plain,
    /// Numbers that some write without leading zeros.
    Wide(usize),
    /// National Drug Codes: 5-4-2 digits, of which one may be left out where hyphens tell which.
    Ndc,
}

/// A code system: its names in lists, and its addresses.
pub(super) struct System {
    pub(super) names: &'static [&'static str],
    pub(super) form: Form,
    pub(super) addresses: &'static [&'static str],
}

pub(super) const SYSTEMS: [System; 12] = [
    System {
        names: &["icd-10-cm"],
        form: Form::Plain,
        addresses: &[
            "http://hl7.org/fhir/sid/icd-10-cm",
            "http://hl7.org/fhir/sid/icd-10",
            "urn:oid:2.16.840.1.113883.6.90",
            "urn:oid:2.16.840.1.113883.6.3",
        ],
    },
    System {
        names: &["icd-9-cm"],
        form: Form::Plain,
        addresses: &[
            "http://hl7.org/fhir/sid/icd-9-cm",
            "http://terminology.hl7.org/CodeSystem/icd9cm",
            "urn:oid:2.16.840.1.113883.6.103",
        ],
    },
    System {
        names: &["icd-10-pcs"],
        form: Form::Plain,
        addresses: &[
            "http://www.cms.gov/Medicare/Coding/ICD10",
            "https://www.cms.gov/Medicare/Coding/ICD10",
            "http://hl7.org/fhir/sid/icd-10-pcs",
            "urn:oid:2.16.840.1.113883.6.4",
        ],
    },
    System {
        names: &["icd-9-pcs"],
        form: Form::Plain,
        addresses: &[
            "http://www.cms.gov/Medicare/Coding/ICD9",
            "https://www.cms.gov/Medicare/Coding/ICD9",
            "urn:oid:2.16.840.1.113883.6.104",
        ],
    },
    // CPT is the first level of HCPCS; no code is in both, and many write one address for both.
    System {
        names: &["hcpcs", "cpt"],
        form: Form::Plain,
        addresses: &[
            "http://www.ama-assn.org/go/cpt",
            "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
            "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
            "http://terminology.hl7.org/CodeSystem/HCPCS",
            "urn:oid:2.16.840.1.113883.6.12",
            "urn:oid:2.16.840.1.113883.6.285",
            "urn:oid:2.16.840.1.113883.6.14",
        ],
    },
    System {
        names: &["snomed"],
        form: Form::Plain,
        addresses: &["http://snomed.info/sct", "urn:oid:2.16.840.1.113883.6.96"],
    },
    System { names: &["loinc"], form: Form::Plain, addresses: &["http://loinc.org", "urn:oid:2.16.840.1.113883.6.1"] },
    System {
        names: &["rxnorm"],
        form: Form::Plain,
        addresses: &["http://www.nlm.nih.gov/research/umls/rxnorm", "urn:oid:2.16.840.1.113883.6.88"],
    },
    System {
        names: &["ndc"],
        form: Form::Ndc,
        addresses: &["http://hl7.org/fhir/sid/ndc", "urn:oid:2.16.840.1.113883.6.69"],
    },
    System {
        names: &["ms-drg"],
        form: Form::Wide(3),
        addresses: &[
            "https://www.cms.gov/Medicare/Medicare-Fee-for-Service-Payment/AcuteInpatientPPS/MS-DRG-Classifications-and-Software",
            "http://www.cms.gov/Medicare/Medicare-Fee-for-Service-Payment/AcuteInpatientPPS/MS-DRG-Classifications-and-Software",
            "urn:oid:2.16.840.1.113883.6.301",
        ],
    },
    System {
        names: &["revenue"],
        form: Form::Wide(4),
        addresses: &["https://www.nubc.org/CodeSystem/RevenueCodes", "urn:oid:2.16.840.1.113883.6.301.3"],
    },
    System {
        names: &["place-of-service"],
        form: Form::Wide(2),
        addresses: &[
            "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set",
            "http://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set",
        ],
    },
];

/// A code without dots, hyphens and spaces, in capitals.
pub(super) struct Written<'c> {
    code: &'c str,
    buffer: [u8; LONGEST],
    length: usize,
}

impl<'c> Written<'c> {
    pub(super) fn new(code: &'c str) -> Self {
        let mut written = Self { code, buffer: [0; LONGEST], length: 0 };
        for byte in code.bytes().filter(|byte| !matches!(byte, b'.' | b'-' | b' ')) {
            written.push(byte.to_ascii_uppercase());
        }
        written
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.buffer.get_mut(self.length) {
            *place = byte;
        }
        self.length += 1;
    }

    fn bytes(&self) -> Option<&[u8]> {
        self.buffer.get(..self.length).filter(|bytes| !bytes.is_empty())
    }

    /// Every code that it may stand for.
    pub(super) fn each(self, form: Form, mut take: impl FnMut(&[u8])) {
        let mut parts = self.code.split('-');
        match form {
            Form::Plain => self.bytes().into_iter().for_each(take),
            Form::Wide(width) => self.widened(&[(self.code, width)]).into_iter().for_each(|wide| wide.give(&mut take)),
            Form::Ndc => match (parts.next(), parts.next(), parts.next()) {
                (Some(labeler), Some(product), package) => {
                    let parts = [(labeler, 5), (product, 4), (package.unwrap_or_default(), 2)];
                    let parts = if package.is_some() { &parts[..] } else { parts.get(..2).unwrap_or_default() };
                    self.widened(parts).into_iter().for_each(|wide| wide.give(&mut take));
                }
                // Ten digits are 4-4-2, 5-3-2 or 5-4-1, and nothing says which.
                _ if self.length == 10 => {
                    for (labeler, product) in [(4, 4), (5, 3), (5, 4)] {
                        if let Some((first, rest)) = self.code.split_at_checked(labeler)
                            && let Some((second, third)) = rest.split_at_checked(product)
                        {
                            let wide = self.widened(&[(first, 5), (second, 4), (third, 2)]);
                            if let Some(wide) = wide {
                                wide.give(&mut take);
                            }
                        }
                    }
                }
                _ => self.bytes().into_iter().for_each(take),
            },
        }
    }

    /// Parts with zeros before them.
    fn widened(&self, parts: &[(&str, usize)]) -> Option<Self> {
        let mut wide = Self { code: self.code, buffer: [0; LONGEST], length: 0 };
        for (part, width) in parts {
            let part = part.trim();
            (part.len()..*width).for_each(|_| wide.push(b'0'));
            part.bytes().for_each(|byte| wide.push(byte.to_ascii_uppercase()));
        }
        wide.bytes().is_some().then_some(wide)
    }

    fn give(&self, take: &mut impl FnMut(&[u8])) {
        self.bytes().into_iter().for_each(take);
    }
}
