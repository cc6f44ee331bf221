#!/usr/bin/env python3
# Generated from the schema of the local API. Renew with: cargo run -p mcp-login-ipc --example docs
"""A whole client of MCP Login's local API: what accounts are there, and a token of one.

    local_api.py                    list the accounts
    local_api.py NAME               get a token of NAME, and say when it ends
    local_api.py NAME --show-token  the same, and print the token

Python 3.11 or newer, nothing else.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

class Welcome(TypedDict):
    """`hello` result."""

    build: str
    instance: str
    pid: int
    protocol: int
    version: str


EndsBy = Literal["announced", "profile", "history"]


class IssuerChange(TypedDict):
    """The server moved to another issuer."""

    new: str
    old: str


RedirectKind = Literal["scheme", "loopback", "localhost", "exact"]


RegistrationKind = Literal["pre_registered", "metadata_document", "dynamic"]


class RegistrationView(TypedDict):
    """Our client identity, as far as it is no secret."""

    client_id: str
    kind: RegistrationKind


Revocation = Literal["offered", "not_offered"]


AccountState = Literal["ready", "needs_sign_in", "offline", "server_refuses", "leaving", "unsaved", "issuer_changed", "vault_unavailable"]


class Account(TypedDict):
    """An account, without a token."""

    asked_scope: list[str]
    code: NotRequired[str]
    ends_at: NotRequired[int]
    ends_by: NotRequired[EndsBy]
    expires_at: NotRequired[int]
    generation: int
    id: str
    issuer: str
    issuer_change: NotRequired[IssuerChange]
    label: NotRequired[str]
    last_rotation_at: NotRequired[int]
    name: str
    next_rotation_at: NotRequired[int]
    redirect_kind: RedirectKind
    registration: RegistrationView
    resource: str
    revocation: Revocation
    scope: list[str]
    server: str
    signed_in_at: int
    state: AccountState


class Accounts(TypedDict):
    """`account.list` result."""

    accounts: list[Account]


ApprovalsMode = Literal["window", "terminal", "policy"]


ConsentWindow = Literal["there", "missing"]


Display = Literal["known", "unknown"]


class ManagedView(TypedDict):
    """What the administrator of this computer set; it goes over the settings."""

    keys: NotRequired[list[str]]
    mistake: NotRequired[str]
    place: str


class PathsView(TypedDict):
    """Where things lie."""

    config: str
    data: str
    log: NotRequired[str]
    socket: str


SchemeState = Literal["ours", "foreign", "none"]


class SchemeView(TypedDict):
    """Who opens our custom scheme, as the system says."""

    program: NotRequired[str]
    state: SchemeState


class Update(TypedDict):
    """`update.check` result."""

    current: str
    looked_at: int
    newer: bool
    newest: str
    page: str


VaultKind = Literal["keychain", "memory"]


VaultState = Literal["ready", "locked", "unavailable", "unknown"]


class VaultView(TypedDict):
    """The keychain, as the agent last saw it."""

    code: NotRequired[str]
    kind: VaultKind
    state: VaultState


class AgentStatus(TypedDict):
    """`agent.status` result."""

    accounts: dict[str, Any]
    approvals: ApprovalsMode
    consent_window: ConsentWindow
    display: Display
    links: NotRequired[int]
    managed: NotRequired[ManagedView]
    paths: PathsView
    paused: bool
    pid: int
    policy_mistake: NotRequired[str]
    revocations_queued: int
    scheme: SchemeView
    started_at: int
    update: NotRequired[Update]
    vault: VaultView
    version: str


class TokenGrant(TypedDict):
    """`token.get` result."""

    access_token: str
    account: str
    expires_at: NotRequired[int]
    generation: int
    scope: list[str]
    server: str
    token_type: str


class FaultData(TypedDict):
    """What a program switches on, and what a person does next."""

    code: str
    detail: NotRequired[dict[str, Any]]
    next: str
    retryable: bool


class AgentError(Exception):
    """The agent said no: the fact, and what to do next."""

    def __init__(self, error: dict[str, Any]) -> None:
        self.data: FaultData = error["data"]
        super().__init__(f"{error['message']}\n{self.data['next']} ({self.data['code']})")


def address() -> str:
    """Where the agent listens. Not from XDG variables: programs that start header helpers strip them."""
    if os.name == "nt":
        user = subprocess.run(["whoami", "/user", "/fo", "csv", "/nh"], capture_output=True, text=True, check=True)
        sid = user.stdout.strip().split(",")[-1].strip('"')
        return rf"\\.\pipe\mcp-login.{sid}"
    home = os.environ.get("MCP_LOGIN_HOME")
    if home:
        return str(Path(home) / "run" / "agent.sock")
    runtime = Path(f"/run/user/{os.geteuid()}")
    if sys.platform == "linux" and is_private(runtime):
        return str(runtime / "mcp-login" / "agent.sock")
    below = "Library/Application Support" if sys.platform == "darwin" else ".local/share"
    return str(Path.home() / below / "mcp-login" / "run" / "agent.sock")


def is_private(directory: Path) -> bool:
    """Ours, mode 0700, no link: then nobody else can have put a socket there."""
    try:
        status = directory.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and status.st_mode & 0o077 == 0


class Agent:
    """One connection."""

    def __init__(self) -> None:
        self.last_id = 0
        path = address()
        if os.name == "nt":
            self.read = self.write = open(path, "r+b", buffering=0)
            return
        if not is_private(Path(path).parent):
            raise SystemExit(f"{Path(path).parent} is not there or not yours alone; run: mcp-login agent start")
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(path)
        except OSError as error:
            raise SystemExit(f"The agent is not running ({error}); run: mcp-login agent start") from error
        if hasattr(socket, "SO_PEERCRED"):
            peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            if struct.unpack("3i", peer)[1] != os.geteuid():
                raise SystemExit(f"{path} is served by another user")
        self.read = connection.makefile("rb")
        self.write = connection.makefile("wb")

    def call(self, method: str, **params: Any) -> Any:
        """Asks and waits. Notifications and other answers are passed over."""
        self.last_id += 1
        request = {"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params}
        self.write.write(json.dumps(request).encode() + b"\n")
        self.write.flush()
        while line := self.read.readline():
            answer = json.loads(line)
            if "method" in answer or answer.get("id") not in (self.last_id, None):
                continue
            if "error" in answer:
                raise AgentError(answer["error"])
            return answer["result"]
        raise SystemExit("The agent closed the connection")


def main() -> int:
    names = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    agent = Agent()
    welcome: Welcome = agent.call("hello", client="local_api.py", version="1", protocol=1)
    print(f"agent {welcome['version']}, process {welcome['pid']}")
    status: AgentStatus = agent.call("agent.status")
    print(f"keychain {status['vault']['state']}, approvals by {status['approvals']}")
    accounts: Accounts = agent.call("account.list")
    for account in accounts["accounts"]:
        print(f"{account['name']}: {account['state']}, {account['server']}")
    for name in names:
        try:
            token: TokenGrant = agent.call("token.get", account=name)
        except AgentError as error:
            print(error, file=sys.stderr)
            return 1
        ends = token.get("expires_at")
        left = f"{ends - int(time.time())} s" if ends is not None else "an unknown time"
        print(f"{token['account']}: a {token['token_type']} token for {token['server']}, good for {left}")
        if "--show-token" in sys.argv:
            print(token["access_token"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
