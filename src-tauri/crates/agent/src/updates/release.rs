//! Where the newest release lies, as a page of releases says it: by a redirect to that release's own page.
//!
//! Problem: the answer comes from the network, and what it says is shown to a person and opened by a click. Invariant: of
//! the answer go on a semantic version and a link of the origin that was asked, and no other word.

use crate::failure::Failure;
use crate::faults;
use http::{Method, Response, StatusCode, header};
use mcp_login_ipc::{Code, Fault};
use mcp_login_oauth::endpoint::Endpoint;
use mcp_login_oauth::error::EndpointName;
use mcp_login_oauth::http::{HttpFailure, NotSent, Purpose, Reach, Request};
use semver::Version;
use url::Url;

/// The page that sends to the newest release.
const OURS: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/releases/latest");
/// Who asks. Without our version, which is nobody's business there: they tell us theirs.
const USER_AGENT: &str = "mcp-login";
/// Bytes of a link. Ours has seventy; what is far longer is no page of a release.
const LONGEST: usize = 512;
/// Bytes of a version: it stands in a line and in a notification.
const LONGEST_VERSION: usize = 48;

/// Where it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    address: Endpoint,
    reach: Reach,
}

impl Place {
    /// Ours, or the one that a person set, which may lie in their own network.
    pub(super) fn of(set: Option<&Endpoint>) -> Self {
        match set {
            Some(address) => Self { address: address.clone(), reach: Reach::Private },
            None => {
                let ours = Endpoint::parse(OURS, EndpointName::Redirect);
                Self { address: ours.expect("our repository has an https address"), reach: Reach::Public }
            }
        }
    }

    /// As a person can open it.
    pub(super) fn as_str(&self) -> &str {
        self.address.as_str()
    }

    /// The request: no body, no cookie, nothing of the person's.
    pub(super) fn request(&self) -> Result<Request, Unsaid> {
        let inner = http::Request::builder()
            .method(Method::GET)
            .uri(self.as_str())
            .header(header::USER_AGENT, USER_AGENT)
            .body(Vec::new())
            .map_err(|_| Unsaid::Http(HttpFailure::NotSent(NotSent::Invalid)))?;
        Ok(Request { purpose: Purpose::Release, reach: self.reach, inner })
    }

    /// What the answer says.
    ///
    /// # Errors
    /// [`Unsaid`]: it says nothing that can be trusted.
    pub(super) fn read(&self, answer: &Response<Vec<u8>>) -> Result<Release, Unsaid> {
        let moved = [
            StatusCode::MOVED_PERMANENTLY,
            StatusCode::FOUND,
            StatusCode::TEMPORARY_REDIRECT,
            StatusCode::PERMANENT_REDIRECT,
        ];
        if !moved.contains(&answer.status()) {
            return Err(Unsaid::Status(answer.status().as_u16()));
        }
        let mut links = answer.headers().get_all(header::LOCATION).iter();
        let (Some(link), None) = (links.next(), links.next()) else { return Err(Unsaid::NoLink) };
        let link = link.to_str().ok().filter(|link| link.len() <= LONGEST).ok_or(Unsaid::NoLink)?;
        // May be relative (RFC 9110 §10.2.2).
        let page = self.address.url().join(link).map_err(|_| Unsaid::NoLink)?;
        self.release(&page)
    }

    fn release(&self, page: &Url) -> Result<Release, Unsaid> {
        if page.origin() != self.address.url().origin() {
            return Err(Unsaid::Elsewhere);
        }
        let bare = page.username().is_empty() && page.password().is_none();
        if !bare || page.query().is_some() || page.fragment().is_some() || page.as_str().len() > LONGEST {
            return Err(Unsaid::NoVersion);
        }
        let last = page.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default();
        let version = last.strip_prefix('v').filter(|version| version.len() <= LONGEST_VERSION);
        let version = version.and_then(|version| Version::parse(version).ok()).ok_or(Unsaid::NoVersion)?;
        Ok(Release { version, page: page.clone() })
    }
}

/// A release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Release {
    pub(super) version: Version,
    pub(super) page: Url,
}

/// Whether somebody who runs `current` would want `newest`. A version before its release is for those alone who run one.
pub(super) fn is_newer(newest: &Version, current: &Version) -> bool {
    newest.cmp_precedence(current).is_gt() && (newest.pre.is_empty() || !current.pre.is_empty())
}

/// Why it is not known which version is the newest.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Unsaid {
    /// No whole answer.
    #[error("{0}")]
    Http(#[from] HttpFailure),
    /// No redirect.
    #[error("the answer has the status {0} and leads nowhere")]
    Status(u16),
    /// A redirect without a link that can be read, or with several.
    #[error("the answer has no link that can be read")]
    NoLink,
    /// Another host, port or scheme.
    #[error("the answer leads to another site")]
    Elsewhere,
    /// No page of a release.
    #[error("the answer's link names no version")]
    NoVersion,
    /// That it was asked could not be written down, so nothing was.
    #[error("{0}")]
    Book(#[from] Failure),
}

impl Unsaid {
    /// Not a byte went out: nobody was asked.
    pub(super) fn is_unsent(&self) -> bool {
        matches!(self, Unsaid::Http(HttpFailure::NotSent(_)))
    }

    /// For people and programs.
    pub(super) fn fault(&self, place: &Place) -> Fault {
        match self {
            Unsaid::Book(failure) => faults::failure(failure),
            other => Fault::new(Code::NewestUnknown)
                .detail("reason", other.to_string())
                .detail("page", place.as_str()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const FROM: &str = "https://forge.example/mcp-login/mcp-login/releases/latest";

    fn place() -> Place {
        Place::of(Some(&Endpoint::parse(FROM, EndpointName::Redirect).unwrap()))
    }

    fn answer(status: u16, links: &[&str]) -> Response<Vec<u8>> {
        let mut answer = Response::builder().status(status);
        for link in links {
            answer = answer.header(header::LOCATION, *link);
        }
        answer.body(b"<script>alert('v9.9.9')</script>".to_vec()).unwrap()
    }

    fn read(link: &str) -> Result<(String, String), String> {
        let read = place().read(&answer(302, &[link]));
        read.map(|r| (r.version.to_string(), r.page.to_string())).map_err(|why| why.to_string())
    }

    #[test]
    fn a_release_of_the_same_origin() {
        let page = "https://forge.example/mcp-login/mcp-login/releases/tag/v1.2.3";
        let found = Ok(("1.2.3".to_owned(), page.to_owned()));
        assert_eq!(read(page), found);
        assert_eq!(read("HTTPS://FORGE.example:443/mcp-login/mcp-login/releases/tag/v1.2.3"), found);
        assert_eq!(read("/mcp-login/mcp-login/releases/tag/v1.2.3"), found, "relative to the origin");
        assert_eq!(read("tag/v1.2.3"), found, "relative to the page");
        assert_eq!(read("//forge.example/mcp-login/mcp-login/releases/tag/v1.2.3"), found);
        for status in [301, 302, 307, 308] {
            assert!(place().read(&answer(status, &[page])).is_ok(), "{status}");
        }
    }

    #[test]
    fn another_origin_is_no_answer() {
        for link in [
            "https://evil.example/mcp-login/mcp-login/releases/tag/v1.2.3",
            "https://forge.example.evil.example/releases/tag/v1.2.3",
            "https://forge.example@evil.example/releases/tag/v1.2.3",
            "//evil.example/releases/tag/v1.2.3",
            r"\\evil.example\releases\tag\v1.2.3",
            "https://forge.example:8443/mcp-login/mcp-login/releases/tag/v1.2.3",
            // a downgrade of the connection
            "http://forge.example/mcp-login/mcp-login/releases/tag/v1.2.3",
            "javascript:alert(1)//v1.2.3",
            "data:text/html,/v1.2.3",
            "file:///releases/tag/v1.2.3",
        ] {
            assert_eq!(read(link), Err(Unsaid::Elsewhere.to_string()), "{link}");
        }
    }

    #[test]
    fn garbage_is_no_answer() {
        for link in [
            "/releases/tag/1.2.3",
            "/releases/tag/v1.2",
            "/releases/tag/v1.2.3.4",
            "/releases/tag/v01.2.3",
            "/releases/tag/vv1.2.3",
            "/releases/tag/v1.2.3/",
            "/releases/tag/v1.2.3/notes",
            "/releases/tag/v1.2.3%0a",
            "/releases/tag/v1.2.3<b>",
            "/releases/tag/v1.2.3?next=https://evil.example",
            "/releases/tag/v1.2.3#v9.9.9",
            "/releases/tag/v99999999999999999999.0.0",
            "https://alice:secret@forge.example/releases/tag/v1.2.3",
            "/releases",
            "/",
            "",
        ] {
            assert_eq!(read(link), Err(Unsaid::NoVersion.to_string()), "{link}");
        }
        let long = format!("/releases/tag/v1.2.3-{}", "a".repeat(LONGEST_VERSION));
        assert_eq!(read(&long), Err(Unsaid::NoVersion.to_string()));
        assert_eq!(read(&format!("/{}/v1.2.3", "a".repeat(LONGEST))), Err(Unsaid::NoLink.to_string()));
    }

    #[test]
    fn only_one_redirect_is_an_answer() {
        let page = "/releases/tag/v1.2.3";
        for status in [200, 201, 300, 303, 304, 404, 429, 500] {
            let why = place().read(&answer(status, &[page])).unwrap_err();
            assert!(matches!(why, Unsaid::Status(said) if said == status), "{why}");
        }
        for links in [&[][..], &[page, "/releases/tag/v2.0.0"][..]] {
            assert!(matches!(place().read(&answer(302, links)), Err(Unsaid::NoLink)), "{links:?}");
        }
    }

    #[test]
    fn newer_is_what_the_specification_calls_higher() {
        let newer =
            |newest, current| is_newer(&Version::parse(newest).unwrap(), &Version::parse(current).unwrap());
        for (newest, current) in
            [("0.1.1", "0.1.0"), ("0.10.0", "0.9.9"), ("1.0.0", "1.0.0-rc.1"), ("1.0.0-rc.2", "1.0.0-rc.1")]
        {
            assert!(newer(newest, current), "{newest} after {current}");
        }
        for (newest, current) in [
            ("0.1.0", "0.1.0"),
            // a page that names an older one
            ("0.0.9", "0.1.0"),
            ("1.0.0+build.2", "1.0.0+build.1"),
            // before its release, for somebody who runs released ones
            ("0.2.0-rc.1", "0.1.0"),
            ("1.0.0-rc.1", "1.0.0"),
        ] {
            assert!(!newer(newest, current), "{newest} after {current}");
        }
    }

    #[test]
    fn what_is_sent_names_nobody() {
        let request = Place::of(None).request().unwrap();
        assert_eq!(request.inner.uri(), "https://github.com/mcp-login/mcp-login/releases/latest");
        assert_eq!(request.reach, Reach::Public);
        assert!(request.inner.body().is_empty());
        let headers: Vec<_> =
            request.inner.headers().iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
        assert_eq!(headers, [("user-agent", b"mcp-login".as_slice())]);
    }
}
