//! `door`: an HTTP address on this computer, for MCP clients that speak HTTP only.

use crate::args::{Door as Args, DoorAction};
use crate::failure::Failure;
use crate::link::{Link, Start};
use crate::out::{Ink, Out};
use crate::text::visible;
use mcp_login_ipc::api::{Door, DoorForgetKey, DoorKey, DoorMakeKey, DoorSet, Empty};
use mcp_login_ipc::method::call;
use mcp_login_ipc::{Code, Fault};
use serde_json::json;

pub(super) fn run(out: &Out, args: &Args) -> Result<(), Failure> {
    let mut link = Link::open(Start::IfNeeded)?;
    match args.action.as_ref().unwrap_or(&DoorAction::Status) {
        DoorAction::Status => show(out, &link.call(&call::DoorStatus(Empty {}))?),
        DoorAction::On { port } => {
            let port = port.map(u32::from);
            show(out, &link.call(&call::DoorSet(DoorSet { open: true, port }))?);
        }
        DoorAction::Off => {
            show(out, &link.call(&call::DoorSet(DoorSet { open: false, port: None }))?);
        }
        DoorAction::Key { name, client } => {
            let wish = DoorMakeKey { account: name.clone(), client: client.clone() };
            let new = link.call(&call::DoorMakeKey(wish))?;
            if out.json() {
                out.value(&json!(new));
                return Ok(());
            }
            let DoorKey { client, account, url, local_url, .. } = &new.made;
            out.done(&format!("a key for {}, which may then use {}", visible(client), visible(account)));
            let closed = "open the door with `mcp-login door on`".to_owned();
            out.line(&out.facts(&[
                ("Address", url.as_deref().map_or(closed, visible)),
                ("In VS Code", local_url.as_deref().map_or_else(|| "-".to_owned(), visible)),
                ("Header", format!("Authorization: Bearer {}", new.key.expose())),
            ]));
            out.note("This key is shown once. You are asked whether to allow it when it is used first.");
        }
        DoorAction::Forget { id } => {
            link.call(&call::DoorForgetKey(DoorForgetKey { id: id.clone() }))?;
            if out.json() {
                out.value(&json!({}));
            } else {
                out.done("the key opens nothing any more");
            }
        }
    }
    Ok(())
}

fn show(out: &Out, door: &Door) {
    if out.json() {
        out.value(&json!(door));
        return;
    }
    let state = match (&door.code, door.open, door.port) {
        (Some(code), _, port) => {
            let fault = Code::from_code(code).map(Fault::new).map_or_else(
                || code.clone(),
                |fault| fault.detail("port", u64::from(port.unwrap_or(0))).message,
            );
            out.paint(Ink::Attention, &fault)
        }
        (None, true, Some(port)) => out.paint(Ink::Good, &format!("open at 127.0.0.1:{port}")),
        (None, true, None) => out.paint(Ink::Good, "open"),
        (None, false, _) => "closed".to_owned(),
    };
    out.line(&format!("HTTP door  {state}"));
    if door.keys.is_empty() {
        out.line("No keys. Make one with:  mcp-login door key NAME --client LABEL");
    }
    for key in &door.keys {
        out.line("");
        out.line(&format!("{}  {}", out.paint(Ink::Strong, &visible(&key.client)), visible(&key.account)));
        let mut rows = vec![("Key", visible(&key.id))];
        rows.extend(key.url.as_ref().map(|url| ("Address", visible(url))));
        rows.extend(key.local_url.as_ref().map(|url| ("In VS Code", visible(url))));
        out.line(&out.facts(&rows));
    }
}
