"""Secrets in addresses and messages: found, to refuse an address that holds one, and masked in all output.

Both prefer false alarms, since a password may hold any character, encoded for an address or not.
"""

import os
import re
from base64 import b64encode
from urllib.parse import quote, unquote_plus, urlsplit

VARIABLES = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
HIDDEN = "***"
# Options of a query, or of a driver within one, that hold a secret: access_token=..., PWD%3D...
NAMED = re.compile(r"(?P<name>(?:pass|pwd|token|secret|key)[\w.-]*\s*(?:=|%3D))(?:(?!%3B|%26)[^\s;&'\"])+", re.IGNORECASE)
BEFORE_HOST = re.compile(r"(?<!/)//(?!/)\S*@")  # the address of a file has no host, so nothing before one


def held_by(address: str) -> str:
    """Return which kind of secret an address holds; empty if it holds none.

    A password may hold the characters that end a host, so anything with a colon before an @ counts as one. A user name before the
    host of a server may be a token.
    """
    if NAMED.search(unquote_plus(unquote_plus(address))):
        return "a password, a token or a key"
    before = BEFORE_HOST.search(address)
    if before and ":" in before[0]:
        return "a password"
    return "a name, or a token" if urlsplit(address).username and address.lower().startswith("http") else ""


def masked(text: str) -> str:
    """Return a text with its secrets masked: those in this process's environment, and those in addresses."""
    name = os.environ.get("MLFLOW_TRACKING_USERNAME", "")
    for variable in VARIABLES:
        if secret := os.environ.get(variable):
            login = b64encode(f"{name}:{secret}".encode()).decode()  # as HTTP sends it
            for form in (secret, quote(secret, safe=""), login):
                text = text.replace(form, HIDDEN)
    return NAMED.sub(rf"\g<name>{HIDDEN}", BEFORE_HOST.sub(f"//{HIDDEN}@", text))
