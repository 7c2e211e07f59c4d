//! From a method and a path to what stands there. A segment that is spelled out goes before an open one.
//!
//! Ours and not the library's, because that one makes maps and copies for each request which nobody here reads: a tenth
//! of the time of a read by id.

use poem::http::Method;

/// What stands at paths, by method.
pub(super) struct Router<T>(Node<T>);

struct Node<T> {
    /// Next segments that are spelled out.
    plain: Vec<(Box<str>, Node<T>)>,
    /// The next segment may be anything but empty.
    open: Option<Box<Node<T>>>,
    here: Vec<(Method, T)>,
}

/// What a router knows of a path.
pub(super) enum Found<'r, T> {
    /// It takes the method.
    Here(&'r T),
    /// It is there, and takes other methods.
    OtherMethod,
    /// It is not there.
    Nothing,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { plain: Vec::new(), open: None, here: Vec::new() }
    }
}

impl<T> Default for Router<T> {
    fn default() -> Self {
        Self(Node::default())
    }
}

impl<T> Router<T> {
    /// Puts something at a path, in which `:name` stands for any segment.
    pub(super) fn put(&mut self, method: Method, path: &str, what: T) {
        let mut node = &mut self.0;
        for segment in segments(path) {
            node = if segment.starts_with(':') { node.open.get_or_insert_default() } else { node.plain(segment) };
        }
        node.here.push((method, what));
    }

    /// What stands at a path, as it came in the request.
    pub(super) fn find(&self, method: &Method, path: &str) -> Found<'_, T> {
        match self.0.find(&mut segments(path)) {
            Some(node) => match node.here.iter().find(|(known, _)| known == method) {
                Some((_, what)) => Found::Here(what),
                None => Found::OtherMethod,
            },
            None => Found::Nothing,
        }
    }
}

impl<T> Node<T> {
    fn plain(&mut self, segment: &str) -> &mut Self {
        let at = self.plain.iter().position(|(known, _)| **known == *segment);
        let at = at.unwrap_or_else(|| {
            self.plain.push((segment.into(), Self::default()));
            self.plain.len() - 1
        });
        // The place was found or made just now; the alternative is never taken.
        match self.plain.get_mut(at) {
            Some((_, node)) => node,
            None => self.open.get_or_insert_default(),
        }
    }

    /// As deep as the longest route, since each step goes down one level of the tree.
    fn find<'p>(&self, rest: &mut (impl Iterator<Item = &'p str> + Clone)) -> Option<&Self> {
        let Some(segment) = rest.next() else { return (!self.here.is_empty()).then_some(self) };
        let plain = self.plain.iter().find(|(known, _)| **known == *segment);
        let found = plain.and_then(|(_, node)| node.find(&mut rest.clone()));
        found.or_else(|| self.open.as_ref().filter(|_| !segment.is_empty())?.find(rest))
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> + Clone {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

/// The segment of `path` that stands where `pattern` says `:name`. Compared from the end: a pattern does not say under
/// what prefix it is mounted.
pub(super) fn segment<'p>(pattern: &str, path: &'p str, name: &str) -> Option<&'p str> {
    let mut pairs = pattern.rsplit('/').zip(path.rsplit('/'));
    pairs.find(|(place, _)| place.strip_prefix(':') == Some(name)).map(|(_, segment)| segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelled_out_goes_before_open_and_nothing_is_lost_on_the_way() {
        let mut router = Router::default();
        for path in
            ["/fhir", "/fhir/", "/fhir/:kind", "/fhir/:kind/:id", "/fhir/:kind/$lastn", "/fhir/ValueSet/$expand"]
        {
            router.put(Method::GET, path, path);
        }
        router.put(Method::POST, "/fhir/:kind", "create");
        let find = |method: Method, path| match router.find(&method, path) {
            Found::Here(what) => *what,
            Found::OtherMethod => "other method",
            Found::Nothing => "nothing",
        };
        for (path, expected) in [
            ("/fhir", "/fhir"),
            ("/fhir/", "/fhir/"),
            ("/fhir/Patient", "/fhir/:kind"),
            ("/fhir/ValueSet", "/fhir/:kind"),
            ("/fhir/Patient/p1", "/fhir/:kind/:id"),
            ("/fhir/ValueSet/p1", "/fhir/:kind/:id"),
            ("/fhir/ValueSet/$lastn", "/fhir/:kind/$lastn"),
            ("/fhir/ValueSet/$expand", "/fhir/ValueSet/$expand"),
            ("/fhir/Patient/", "nothing"),
            ("/fhir//p1", "nothing"),
            ("/fhir/Patient/p1/x", "nothing"),
            ("/", "nothing"),
            ("", "nothing"),
        ] {
            assert_eq!(find(Method::GET, path), expected, "{path}");
        }
        assert_eq!(find(Method::POST, "/fhir/Patient"), "create");
        assert_eq!(find(Method::POST, "/fhir/Patient/p1"), "other method");
    }

    #[test]
    fn segments_are_named_by_their_place_from_the_end() {
        assert_eq!(segment("/fhir/:kind/:id", "/sandbox/fhir/Patient/p%31", "id"), Some("p%31"));
        assert_eq!(segment("/fhir/:kind/:id", "/Patient/p1", "kind"), Some("Patient"));
        assert_eq!(segment("/fhir/:kind/:id", "/fhir/Patient/p1", "version"), None);
    }
}
