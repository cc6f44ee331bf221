//! Which faults are on. A switch is `NAME[=[ENDPOINT:]VALUE][,times=N][,after=N]`: it takes the first N matching
//! requests only, or lets N pass first. Counting happens when a fault is consulted, once a request.

use crate::endpoint::Endpoint;
use crate::fault::{Arg, Fault, Scope, TABLE};
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One fault that is on.
#[derive(Debug, Clone)]
struct Switch {
    fault: Fault,
    at: Option<Endpoint>,
    value: String,
    after: u64,
    times: Option<u64>,
    taken: u64,
}

/// All that are on.
#[derive(Debug, Default)]
pub(crate) struct Switchboard {
    on: Mutex<Vec<Switch>>,
}

/// Why a switch was not understood; the text names what would be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SwitchError(String);

impl Switch {
    fn parse(text: &str) -> Result<Self, SwitchError> {
        let (name, rest) = text.split_once('=').map_or((text, None), |(n, r)| (n, Some(r)));
        // `drop,times=1`: the first `=` belongs to the count.
        let (name, rest) = match name.split_once(',') {
            Some((name, _)) => (name, Some(&text[name.len()..])),
            None => (name, rest),
        };
        let fault = Fault::parse(name).ok_or_else(|| {
            let names: Vec<_> = TABLE.iter().map(|r| r.name).collect();
            SwitchError(format!("there is no fault {name:?}; there are: {}", names.join(", ")))
        })?;
        let mut rest = rest.unwrap_or_default();
        let (mut times, mut after) = (None, 0);
        while let Some((before, last)) = rest.rsplit_once(',') {
            let number = |n: &str| {
                n.parse::<u64>().map_err(|_| SwitchError(format!("{text:?}: {n:?} is no whole number")))
            };
            if let Some(n) = last.strip_prefix("times=") {
                times = Some(number(n)?);
            } else if let Some(n) = last.strip_prefix("after=") {
                after = number(n)?;
            } else {
                break;
            }
            rest = before;
        }
        let row = fault.row();
        let (at, value) = match row.scope {
            Scope::Fixed => (None, rest),
            Scope::Endpoint(default) => {
                let (first, value) = rest.split_once(':').unwrap_or((rest, ""));
                if first == "all" {
                    (None, value)
                } else if let Some(at) = Endpoint::parse(first) {
                    (Some(at), value)
                } else {
                    (default, rest)
                }
            }
        };
        let value = match row.arg {
            Arg::None if value.is_empty() => String::new(),
            Arg::None => {
                return Err(SwitchError(format!("{text:?}: write {}", row.usage())));
            }
            Arg::Number { default, .. } if value.is_empty() => default.to_string(),
            Arg::Number { unit, .. } => {
                value
                    .parse::<i64>()
                    .map_err(|_| SwitchError(format!("{text:?}: {value:?} is no number of {unit}")))?;
                value.to_owned()
            }
            Arg::Word(words) if value.is_empty() => words.first().copied().unwrap_or_default().to_owned(),
            Arg::Word(words) if words.contains(&value) => value.to_owned(),
            Arg::Word(words) => {
                return Err(SwitchError(format!("{text:?}: takes one of {}", words.join(", "))));
            }
            Arg::Text { default, .. } if value.is_empty() => default.to_owned(),
            Arg::Text { .. } => value.to_owned(),
        };
        Ok(Self { fault, at, value, after, times, taken: 0 })
    }

    fn to_json(&self) -> Value {
        json!({
            "name": self.fault.row().name,
            "at": self.at.map_or("all", Endpoint::name),
            "value": self.value,
            "after": self.after,
            "times": self.times,
            "taken": self.taken,
        })
    }
}

impl Switchboard {
    fn lock(&self) -> MutexGuard<'_, Vec<Switch>> {
        self.on.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns one on beside what is on, from the command line's text.
    pub(crate) fn add(&self, text: &str) -> Result<Fault, SwitchError> {
        let switch = Switch::parse(text)?;
        let fault = switch.fault;
        self.lock().push(switch);
        Ok(fault)
    }

    /// Replaces all switches of the faults that a JSON object names: `null` and `false` turn off, `true` turns on
    /// with the defaults, a number or text is the argument, a list is several. All of it or nothing.
    pub(crate) fn set(&self, object: &serde_json::Map<String, Value>) -> Result<Vec<Fault>, SwitchError> {
        let mut fresh = Vec::new();
        let mut named = Vec::new();
        for (name, value) in object {
            let fault = Switch::parse(name)?.fault;
            named.push(fault);
            let many = match value {
                Value::Array(items) => items.as_slice(),
                one => std::slice::from_ref(one),
            };
            for item in many {
                match item {
                    Value::Null | Value::Bool(false) => {}
                    Value::Bool(true) => fresh.push(Switch::parse(name)?),
                    Value::Number(n) => fresh.push(Switch::parse(&format!("{name}={n}"))?),
                    Value::String(s) if s.is_empty() => fresh.push(Switch::parse(name)?),
                    Value::String(s) if s.starts_with("times=") || s.starts_with("after=") => {
                        fresh.push(Switch::parse(&format!("{name},{s}"))?);
                    }
                    Value::String(s) => fresh.push(Switch::parse(&format!("{name}={s}"))?),
                    _ => return Err(SwitchError(format!("{name}: takes a text, a number, true or null"))),
                }
            }
        }
        let on = fresh.iter().map(|s| s.fault).collect();
        let mut all = self.lock();
        all.retain(|s| !named.contains(&s.fault));
        all.append(&mut fresh);
        Ok(on)
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    pub(crate) fn remove(&self, fault: Fault) {
        self.lock().retain(|s| s.fault != fault);
    }

    /// The value of a fault that takes this request, counting it.
    pub(crate) fn take(&self, fault: Fault, at: Endpoint) -> Option<String> {
        self.take_where(fault, at, |_| true)
    }

    /// The same for a fault whose value says where it lies: elsewhere it is not counted.
    pub(crate) fn take_where(
        &self,
        fault: Fault,
        at: Endpoint,
        fits: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let mut all = self.lock();
        for switch in all.iter_mut().filter(|s| s.fault == fault && fits(&s.value)) {
            if !switch.at.is_none_or(|scope| scope.covers(at)) {
                continue;
            }
            if switch.after > 0 {
                switch.after -= 1;
                continue;
            }
            match &mut switch.times {
                Some(0) => continue,
                Some(n) => *n -= 1,
                None => {}
            }
            switch.taken += 1;
            return Some(switch.value.clone());
        }
        None
    }

    pub(crate) fn is_on(&self, fault: Fault, at: Endpoint) -> bool {
        self.take(fault, at).is_some()
    }

    pub(crate) fn to_json(&self) -> Value {
        self.lock().iter().map(Switch::to_json).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_value_and_count_are_read() {
        let board = Switchboard::default();
        board.add("slow=token:500,times=1").unwrap();
        assert_eq!(board.take(Fault::Slow, Endpoint::Mcp), None);
        assert_eq!(board.take(Fault::Slow, Endpoint::Refresh).as_deref(), Some("500"));
        assert_eq!(board.take(Fault::Slow, Endpoint::Refresh), None);
    }

    #[test]
    fn a_switch_can_wait_and_needs_no_value() {
        let board = Switchboard::default();
        board.add("drop,after=1").unwrap();
        assert_eq!(board.take(Fault::Drop, Endpoint::Mcp), None);
        assert_eq!(board.take(Fault::Drop, Endpoint::Mcp).as_deref(), Some(""));
        board.add("hang=mcp").unwrap();
        assert!(board.is_on(Fault::Hang, Endpoint::Mcp));
        assert!(!board.is_on(Fault::Hang, Endpoint::Token));
    }

    #[test]
    fn values_may_hold_colons_and_commas() {
        let board = Switchboard::default();
        board.add("authorization-endpoint=javascript:alert(1,2)").unwrap();
        assert_eq!(
            board.take(Fault::AuthorizationEndpoint, Endpoint::Metadata).as_deref(),
            Some("javascript:alert(1,2)")
        );
        board.add("redirect=https://other.example/x").unwrap();
        assert_eq!(board.take(Fault::Redirect, Endpoint::Mcp).as_deref(), Some("https://other.example/x"));
    }

    #[test]
    fn mistakes_name_what_would_do() {
        let board = Switchboard::default();
        assert!(board.add("slwo").unwrap_err().to_string().contains("slow"));
        assert!(board.add("slow=token:soon").unwrap_err().to_string().contains("milliseconds"));
        assert!(board.add("no-s256=maybe").unwrap_err().to_string().contains("absent"));
        assert!(board.add("strict-port=9").is_err());
    }

    #[test]
    fn setting_is_all_or_nothing_and_replaces_by_name() {
        let board = Switchboard::default();
        board.add("hang=mcp").unwrap();
        let bad = json!({"hang": null, "nonsense": true});
        assert!(board.set(bad.as_object().unwrap()).is_err());
        assert!(board.is_on(Fault::Hang, Endpoint::Mcp));
        let good = json!({"hang": null, "status": ["token:500", "mcp:502"], "too-many": 7});
        board.set(good.as_object().unwrap()).unwrap();
        assert!(!board.is_on(Fault::Hang, Endpoint::Mcp));
        assert_eq!(board.take(Fault::Status, Endpoint::Mcp).as_deref(), Some("502"));
        assert_eq!(board.take(Fault::TooMany, Endpoint::Mcp).as_deref(), Some("7"));
    }
}
