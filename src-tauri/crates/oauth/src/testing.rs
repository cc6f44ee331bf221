//! A scripted HTTP for tests: a closure answers, every request is kept with its exact bytes.

use std::sync::Mutex;

use crate::http::{Http, HttpFailure, Purpose, Reach, Request};

/// One request as it went out.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) purpose: Purpose,
    pub(crate) reach: Reach,
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: ::http::HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|v| v.to_str().expect("ASCII header"))
    }

    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.url)
    }
}

pub(crate) type Answer = Result<::http::Response<Vec<u8>>, HttpFailure>;

pub(crate) struct Scripted<F> {
    answer: F,
    seen: Mutex<Vec<Seen>>,
}

impl<F: Fn(&Seen) -> Answer + Send + Sync> Scripted<F> {
    pub(crate) fn new(answer: F) -> Self {
        Scripted { answer, seen: Mutex::new(Vec::new()) }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no test panics while it holds this").clone()
    }

    pub(crate) fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "exactly one request: {seen:?}");
        seen.into_iter().next().expect("one")
    }
}

impl<F: Fn(&Seen) -> Answer + Send + Sync> Http for Scripted<F> {
    async fn send(&self, request: Request) -> Answer {
        let (parts, body) = request.inner.into_parts();
        let seen = Seen {
            purpose: request.purpose,
            reach: request.reach,
            method: parts.method.to_string(),
            url: parts.uri.to_string(),
            headers: parts.headers,
            body: String::from_utf8(body).expect("bodies are UTF-8"),
        };
        self.seen.lock().expect("no test panics while it holds this").push(seen.clone());
        (self.answer)(&seen)
    }
}

pub(crate) fn answer(status: u16, body: &str) -> Answer {
    Ok(::http::Response::builder().status(status).body(body.as_bytes().to_vec()).expect("a response"))
}

pub(crate) fn answer_with(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut builder = ::http::Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    Ok(builder.body(body.as_bytes().to_vec()).expect("a response"))
}

/// Runs a future of this crate: none of them waits for anything but [`Scripted`].
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}
