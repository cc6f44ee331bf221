//! The network with a pencil: carries each request as it is, and writes down what can be told of it.
//!
//! Problem: a trace that is handed to others must hold no secret. Invariant: what is kept of a request is its purpose, method
//! and address without query; of an answer its status, type, size, time and the *names and types* of a JSON body's
//! members. No header's value but those of `Content-Type`, `Date` and a redirect's origin is looked at, and no value of a body.

use crate::http::Wire;
use mcp_login_ipc::api::{Exchange, Part};
use mcp_login_oauth::http::{Http, HttpFailure, Purpose, Request, date};
use mcp_login_oauth::text::ServerText;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;
use url::Url;

/// Requests of one examination: three times what a server needs that has everything. What comes after is not told.
const MOST: usize = 200;
/// Members of one answer: the largest published metadata has some sixty.
const MOST_MEMBERS: usize = 96;
/// Letters of a member's name.
const LONGEST_NAME: usize = 64;

/// One request and what is known of its answer.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) exchange: Exchange,
    pub(super) purpose: Purpose,
    /// How far the server's clock was from ours, in seconds.
    pub(super) skew: Option<u64>,
    pub(super) facts: Facts,
}

/// What an answer's members say that is no secret.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Facts {
    pub(super) error: bool,
    pub(super) token_type: bool,
    pub(super) secret: Said,
    pub(super) expires_in: Said,
    /// Whether `grant_types` is there, and lists `refresh_token`.
    pub(super) refresh_grant: Option<bool>,
    pub(super) no_store: bool,
}

/// Whether a member is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Said {
    #[default]
    Nothing,
    /// There, and null, empty, or of the wrong kind.
    Odd,
    Well,
}

/// See the module.
pub(super) struct Recorder {
    wire: Wire,
    /// When it was made: by the wall, and by a clock that nobody sets.
    began: (u64, Instant),
    log: Mutex<Log>,
}

struct Log {
    part: Part,
    seen: Vec<Seen>,
}

impl Recorder {
    /// `now`: Unix seconds, for the server's clock.
    pub(super) fn new(wire: Wire, now: u64) -> Self {
        Self {
            wire,
            began: (now, Instant::now()),
            log: Mutex::new(Log { part: Part::Discovery, seen: Vec::new() }),
        }
    }

    /// What follows belongs to this part.
    pub(super) fn turn_to(&self, part: Part) {
        self.log().part = part;
    }
    /// The newest answer to a request of this kind.
    pub(super) fn last(&self, purpose: Purpose) -> Option<Seen> {
        self.log().seen.iter().rev().find(|seen| seen.purpose == purpose).cloned()
    }

    /// All of it.
    pub(super) fn all(&self) -> Vec<Seen> {
        self.log().seen.clone()
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        // Nobody panics while holding it; if somebody did, the list is still a list.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, asked: Asked, answer: &Result<http::Response<Vec<u8>>, HttpFailure>) {
        let mut log = self.log();
        if log.seen.len() >= MOST {
            return;
        }
        let mut exchange = Exchange {
            part: log.part,
            purpose: asked.purpose.word().to_owned(),
            method: asked.method,
            url: asked.url,
            status: None,
            failure: None,
            content_type: None,
            redirect: None,
            bytes: 0,
            millis: u64::try_from(asked.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            members: BTreeMap::new(),
        };
        let (mut skew, mut facts) = (None, Facts::default());
        match answer {
            Err(failure) => exchange.failure = Some(failure.to_string()),
            Ok(answer) => {
                let header = |name| answer.headers().get(name)?.to_str().ok();
                exchange.status = Some(answer.status().as_u16().into());
                exchange.bytes = answer.body().len() as u64;
                exchange.content_type = header(http::header::CONTENT_TYPE).map(|text| {
                    ServerText::new(text.split(';').next().unwrap_or_default().trim()).to_string()
                });
                if answer.status().is_redirection() {
                    exchange.redirect = header(http::header::LOCATION).map(|to| origin_of(&exchange.url, to));
                }
                let now = self.began.0 + self.began.1.elapsed().as_secs();
                skew = date(answer).map(|date| date.abs_diff(now));
                facts.no_store =
                    header(http::header::CACHE_CONTROL).is_some_and(|text| text.contains("no-store"));
                // A page of a browser is not for us, whatever it is made of.
                if asked.purpose != Purpose::Authorization
                    && let Ok(Members(members)) = serde_json::from_slice(answer.body())
                {
                    facts.read(&members);
                    exchange.members =
                        members.into_iter().map(|(name, kind)| (name, kind.word().to_owned())).collect();
                }
            }
        }
        log.seen.push(Seen { exchange, purpose: asked.purpose, skew, facts });
    }
}

struct Asked {
    began: Instant,
    purpose: Purpose,
    method: String,
    url: String,
}

impl Http for Recorder {
    async fn send(&self, request: Request) -> Result<http::Response<Vec<u8>>, HttpFailure> {
        let asked = Asked {
            began: Instant::now(),
            purpose: request.purpose,
            method: request.inner.method().as_str().to_owned(),
            url: bare(&request.inner.uri().to_string()),
        };
        let answer = self.wire.send(request).await;
        self.write(asked, &answer);
        answer
    }
}

/// An address without its query, bounded and tame.
pub(super) fn bare(url: &str) -> String {
    ServerText::new(url.split(['?', '#']).next().unwrap_or_default()).to_string()
}

/// Where a redirect leads, without path and query: those may hold a code.
fn origin_of(from: &str, to: &str) -> String {
    match Url::parse(from).and_then(|from| from.join(to)) {
        Ok(to) if to.has_host() => ServerText::new(&to.origin().ascii_serialization()).to_string(),
        Ok(to) => format!("{}:", to.scheme()),
        Err(_) => "nowhere".to_owned(),
    }
}

impl Facts {
    fn read(&mut self, members: &BTreeMap<String, Kind>) {
        self.error = matches!(members.get("error"), Some(Kind::Text(_)));
        self.token_type = matches!(members.get("token_type"), Some(Kind::Text(_)));
        self.secret = match members.get("client_secret") {
            None => Said::Nothing,
            Some(Kind::Text(Text::Empty)) => Said::Odd,
            Some(Kind::Text(_)) => Said::Well,
            Some(_) => Said::Odd,
        };
        self.expires_in = match members.get("expires_in") {
            None => Said::Nothing,
            // A minute, so that a client can renew before; ten years, beyond which it is a mistake of units.
            Some(Kind::Number(seconds)) if (1.0..=315_360_000.0).contains(seconds) => Said::Well,
            Some(_) => Said::Odd,
        };
        self.refresh_grant = match members.get("grant_types") {
            Some(Kind::List { refresh }) => Some(*refresh),
            _ => None,
        };
    }
}

/// What a JSON value is; of what it says only what is no secret and needed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Null,
    Boolean,
    Number(f64),
    Text(Text),
    /// Whether `refresh_token` is in it, as in a list of grant types.
    List {
        refresh: bool,
    },
    Object,
}

/// What of a text is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    Empty,
    /// The grant type.
    RefreshToken,
    Other,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Boolean => "boolean",
            Kind::Number(_) => "number",
            Kind::Text(_) => "string",
            Kind::List { .. } => "array",
            Kind::Object => "object",
        }
    }
}

/// The members of a JSON object.
struct Members(BTreeMap<String, Kind>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, kind)) = map.next_entry::<String, Kind>()? {
                    if members.len() < MOST_MEMBERS {
                        members.insert(
                            ServerText::new(&name).as_str().chars().take(LONGEST_NAME).collect(),
                            kind,
                        );
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Kind;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> Result<Kind, E> {
                Ok(Kind::Null)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Kind, E> {
                Ok(Kind::Boolean)
            }

            #[allow(clippy::cast_precision_loss)] // lifetimes are far below
            fn visit_i64<E>(self, number: i64) -> Result<Kind, E> {
                Ok(Kind::Number(number as f64))
            }

            #[allow(clippy::cast_precision_loss)]
            fn visit_u64<E>(self, number: u64) -> Result<Kind, E> {
                Ok(Kind::Number(number as f64))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Kind, E> {
                Ok(Kind::Number(number))
            }

            fn visit_str<E>(self, text: &str) -> Result<Kind, E> {
                Ok(Kind::Text(match text {
                    "" => Text::Empty,
                    "refresh_token" => Text::RefreshToken,
                    _ => Text::Other,
                }))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Kind, A::Error> {
                let mut refresh = false;
                while let Some(item) = list.next_element::<Kind>()? {
                    refresh |= item == Kind::Text(Text::RefreshToken);
                }
                Ok(Kind::List { refresh })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Kind::Object)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}
