//! The panel of a desktop, as far as the tray needs one: the StatusNotifierWatcher that items register at, and a person who
//! reads an item's menu and clicks into it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Structure, Value};

use crate::session::Session;
use crate::wait;

const MENU: &str = "com.canonical.dbusmenu";
const ITEM: &str = "org.kde.StatusNotifierItem";

/// A panel. Dropped, it is gone from the bus.
#[derive(Debug)]
pub struct TrayHost {
    connection: Connection,
    items: Arc<Mutex<Vec<(String, String)>>>,
}

/// An entry of a menu, with those below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id in the menu.
    pub id: i32,
    /// What it says; empty for a line between entries.
    pub label: String,
    /// Whether it can be clicked.
    pub enabled: bool,
    /// Those below it.
    pub entries: Vec<Entry>,
}

/// An icon in the panel.
#[derive(Debug)]
pub struct TrayItem<'a> {
    host: &'a TrayHost,
    owner: String,
    path: String,
}

struct Watcher {
    items: Arc<Mutex<Vec<(String, String)>>>,
}

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(
        &self,
        service: &str,
        #[zbus(header)] header: zbus::message::Header<'_>,
    ) {
        // Some give their path, some the name under which they can be reached.
        let sender = header.sender().map(ToString::to_string).unwrap_or_default();
        let item = if service.starts_with('/') {
            (sender, service.to_owned())
        } else {
            (service.to_owned(), "/StatusNotifierItem".to_owned())
        };
        // Some register again when they see the panel come.
        let mut items = self.items.lock().expect("no panic holds it");
        if !items.contains(&item) {
            items.push(item);
        }
    }

    fn register_status_notifier_host(&self, _service: &str) {}

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }

    #[zbus(property)]
    fn registered_status_notifier_items(&self) -> Vec<String> {
        let items = self.items.lock().expect("no panic holds it");
        items.iter().map(|(owner, path)| format!("{owner}{path}")).collect()
    }
}

impl TrayHost {
    /// Starts one in a session. Items that look for a panel find it, also those that were there before.
    pub fn start(session: &Session) -> TrayHost {
        let items = Arc::new(Mutex::new(Vec::new()));
        let bus = session.get("DBUS_SESSION_BUS_ADDRESS").expect("a session has a bus");
        let watcher = Watcher { items: Arc::clone(&items) };
        let connection = Builder::address(bus)
            .and_then(|builder| builder.serve_at("/StatusNotifierWatcher", watcher))
            .and_then(|builder| builder.name("org.kde.StatusNotifierWatcher"))
            .and_then(Builder::build)
            .expect("the bus of the session answers");
        TrayHost { connection, items }
    }

    /// Waits for an item.
    #[track_caller]
    pub fn item(&self) -> TrayItem<'_> {
        let (owner, path) = wait::until("an icon in the tray", || {
            let items = self.items.lock().expect("no panic holds it").clone();
            items.into_iter().rev().find(|(owner, _)| self.lives(owner))
        });
        TrayItem { host: self, owner, path }
    }

    /// How many items are here whose program lives.
    pub fn count(&self) -> usize {
        let items = self.items.lock().expect("no panic holds it").clone();
        items.iter().filter(|(owner, _)| self.lives(owner)).count()
    }

    fn lives(&self, owner: &str) -> bool {
        let bus = "org.freedesktop.DBus";
        let answer = self.connection.call_method(
            Some(bus),
            "/org/freedesktop/DBus",
            Some(bus),
            "NameHasOwner",
            &owner,
        );
        answer.ok().and_then(|answer| answer.body().deserialize::<bool>().ok()).unwrap_or(false)
    }
}

impl TrayItem<'_> {
    /// The text of a property, such as `Status` or `Title`.
    pub fn property(&self, name: &str) -> String {
        self.value(name).and_then(|value| String::try_from(value).ok()).unwrap_or_default()
    }

    /// The picture: the bytes of the file that the icon's name stands for.
    #[track_caller]
    pub fn icon(&self) -> Vec<u8> {
        wait::until("the picture of the tray", || {
            let (place, name) = (self.property("IconThemePath"), self.property("IconName"));
            let file = PathBuf::from(&place).join(&name);
            [file.with_file_name(format!("{name}.png")), file].into_iter().find_map(|f| std::fs::read(f).ok())
        })
    }

    /// What the menu says now.
    #[track_caller]
    pub fn menu(&self) -> Vec<Entry> {
        wait::until("the tray's menu", || self.menu_now())
    }

    /// Waits for an entry whose words hold this, wherever in the menu.
    #[track_caller]
    pub fn entry(&self, words: &str) -> Entry {
        let found = wait::within(wait::LONG, || find(&self.menu_now()?, words));
        found.unwrap_or_else(|| panic!("nothing in the tray's menu says {words:?}: {:#?}", self.menu()))
    }

    /// Waits until no entry says this any more.
    #[track_caller]
    pub fn wait_until_gone(&self, words: &str) {
        wait::until(&format!("no {words:?} in the tray's menu"), || {
            find(&self.menu_now()?, words).is_none().then_some(())
        });
    }

    /// Clicks an entry.
    #[track_caller]
    pub fn click(&self, words: &str) {
        let entry = self.entry(words);
        assert!(entry.enabled, "{entry:?} cannot be clicked");
        // Whoever clicks "quit" gets no answer any more: none is waited for.
        let event = (entry.id, "clicked", Value::from(0_i32), 0_u32);
        let path = self.menu_path().expect("an item has a menu");
        let call = zbus::Message::method_call(path, "Event")
            .and_then(|call| call.destination(self.owner.as_str()))
            .and_then(|call| call.interface(MENU))
            .and_then(|call| call.with_flags(zbus::message::Flags::NoReplyExpected))
            .and_then(|call| call.build(&event))
            .expect("a call");
        self.host.connection.send(&call).expect("the bus takes it");
    }

    fn menu_now(&self) -> Option<Vec<Entry>> {
        let path = self.menu_path()?;
        let call = |method: &str, body: &(i32, i32, Vec<String>)| {
            let owner = Some(self.owner.as_str());
            self.host.connection.call_method(owner, path.as_str(), Some(MENU), method, body).ok()
        };
        let answer = call("GetLayout", &(0, -1, Vec::new()))?;
        type Root = (u32, (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>));
        let body = answer.body();
        let (_, (_, _, entries)) = body.deserialize::<Root>().ok()?;
        Some(entries.iter().filter_map(|value| entry(value)).collect())
    }

    fn menu_path(&self) -> Option<OwnedObjectPath> {
        self.value("Menu").and_then(|value| OwnedObjectPath::try_from(value).ok())
    }

    fn value(&self, name: &str) -> Option<OwnedValue> {
        let properties = Some("org.freedesktop.DBus.Properties");
        let owner = Some(self.owner.as_str());
        let asked = &(ITEM, name);
        let answer =
            self.host.connection.call_method(owner, self.path.as_str(), properties, "Get", asked).ok()?;
        answer.body().deserialize::<OwnedValue>().ok()
    }
}

/// One entry of `(ia{sv}av)`.
fn entry(value: &Value<'_>) -> Option<Entry> {
    let value = match value {
        Value::Value(inner) => inner,
        other => other,
    };
    let Value::Structure(structure) = value else { return None };
    let [id, properties, entries] = Structure::fields(structure) else { return None };
    let Value::Dict(properties) = properties else { return None };
    let property = |wanted: &str| {
        let found = properties.iter().find(|(name, _)| matches!(name, Value::Str(name) if name == wanted));
        found.map(|(_, value)| if let Value::Value(inner) = value { inner } else { value })
    };
    let Value::Array(entries) = entries else { return None };
    Some(Entry {
        id: i32::try_from(id).ok()?,
        label: property("label")
            .and_then(|label| <&str>::try_from(label).ok())
            .map_or_else(String::new, plain),
        enabled: property("enabled").and_then(|enabled| bool::try_from(enabled).ok()).unwrap_or(true),
        entries: entries.iter().filter_map(entry).collect(),
    })
}

/// Without the underscore that marks the letter by which an entry is chosen; two of them stand for one.
fn plain(label: &str) -> String {
    label.split("__").map(|part| part.replace('_', "")).collect::<Vec<_>>().join("_")
}

fn find(entries: &[Entry], words: &str) -> Option<Entry> {
    entries.iter().find_map(|entry| {
        if entry.label.contains(words) { Some(entry.clone()) } else { find(&entry.entries, words) }
    })
}
