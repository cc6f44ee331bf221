//! What the command says of accounts and troubles, in the form for programs and in the form for people.

use serde_json::Value;

use crate::home::{Home, Said};
use crate::wait;

impl Home {
    fn account_list(&self) -> Vec<Value> {
        let list = self.run(&["list", "--json"]).ok().json();
        list["accounts"].as_array().cloned().unwrap_or_default()
    }

    /// One account, as `list --json` shows it.
    #[track_caller]
    pub fn account(&self, name: &str) -> Value {
        let list = self.account_list();
        let found = list.iter().find(|account| account["name"] == name);
        found.unwrap_or_else(|| panic!("no account {name}: {list:?}")).clone()
    }

    /// Waits until there is such an account, and in this state.
    #[track_caller]
    pub fn wait_for_state(&self, name: &str, state: &str) -> Value {
        let mut last = Vec::new();
        wait::within(wait::LONG, || {
            last = self.account_list();
            last.iter().find(|account| account["name"] == name && account["state"] == state).cloned()
        })
        .unwrap_or_else(|| panic!("{name} does not become {state}: {last:?}"))
    }

    /// What programs wait for a person to do, as `list --json` shows it.
    #[track_caller]
    pub fn attention(&self) -> Vec<Value> {
        let list = self.run(&["list", "--json"]).ok().json();
        list["attention"].as_array().cloned().unwrap_or_else(|| panic!("no attention: {list}"))
    }

    /// Waits until a program waits for a person for this reason.
    #[track_caller]
    pub fn wait_for_attention(&self, why: &str) -> Value {
        wait::until("a program to wait for a person", || {
            self.attention().into_iter().find(|attention| attention["why"] == why)
        })
    }

    /// How many sign-outs wait for their issuer.
    #[track_caller]
    pub fn queued(&self) -> u64 {
        let status = self.run(&["agent", "status", "--json"]).ok().json();
        status["revocations_queued"].as_u64().unwrap_or_else(|| panic!("no count: {status}"))
    }

    /// Signs alice in again at an account that is there.
    #[track_caller]
    pub fn sign_in_again(&self, name: &str) {
        let opened = self.opened().len();
        let login = self.start(&["login", name, "--json"]);
        crate::Person::named("alice").allow(&self.opened_at(opened)).deliver();
        let (status, _, stderr) = login.finish();
        assert!(status.success(), "login {name}: {stderr}");
    }
}

impl Said {
    /// The line of the first receipt of a `logout --json` about one thing, as `refresh_token`.
    #[track_caller]
    pub fn receipt_line(&self, what: &str) -> Value {
        let receipt = self.json()["receipts"][0].clone();
        let lines = receipt["lines"].as_array().unwrap_or_else(|| panic!("no lines: {receipt}")).clone();
        let found = lines.into_iter().find(|line| line["what"] == what);
        found.unwrap_or_else(|| panic!("no line about {what}: {receipt}"))
    }

    /// Demands the two sentences for people: what happened, with its code in brackets, and then what to do.
    #[track_caller]
    pub fn explains(self, exit: i32, code: &str) -> Said {
        let said = self.exits(exit);
        assert_eq!(said.stdout, "", "an error belongs on standard error");
        // What took a while said so first, on lines of its own.
        let lines = said.stderr.lines().skip_while(|line| !line.starts_with("mcp-login: "));
        let text = lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ");
        let fact =
            text.strip_prefix("mcp-login: ").unwrap_or_else(|| panic!("not our words: {}", said.stderr));
        let Some((fact, next)) = fact.split_once(&format!(" [{code}]")) else {
            panic!("no [{code}]: {text}")
        };
        assert!(fact.ends_with('.') && next.ends_with('.') && next.len() > 10, "no two sentences: {text}");
        assert!(!text.contains('{'), "a placeholder was not filled in: {text}");
        said
    }

    /// The same for programs.
    #[track_caller]
    pub fn explains_to_programs(self, exit: i32, code: &str) -> Value {
        let said = self.exits(exit);
        assert_eq!(said.stdout, "", "an error belongs on standard error");
        let error = said.error();
        assert_eq!((&error["code"], &error["exit"]), (&code.into(), &exit.into()), "{error}");
        for sentence in ["fact", "next"] {
            assert!(error[sentence].as_str().is_some_and(|text| text.ends_with('.')), "{sentence}: {error}");
        }
        error
    }
}
