"""Secrets in addresses and messages: found, so that an address that holds one is refused, and masked in what is written.

Both rather see one too many: passwords are written as they are, with whatever signs they have, encoded for an address or not.
"""

import os
import re
from base64 import b64encode
from urllib.parse import quote, unquote_plus, urlsplit

VARIABLES = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
HIDDEN = "***"
# What a query, or a driver's list of options within one, calls a secret: access_token=..., PWD%3D...
NAMED = re.compile(r"(?P<name>(?:pass|pwd|token|secret|key)[\w.-]*\s*(?:=|%3D))(?:(?!%3B|%26)[^\s;&'\"])+", re.IGNORECASE)
BEFORE_HOST = re.compile(r"(?<!/)//(?!/)\S*@")  # an address without a host, as that of a file, has nothing before it


def held_by(address: str) -> str:
    """Say what an address holds that is to be kept secret, or nothing.

    A password may hold the signs that end the host of an address, so that anything with a colon before an @ counts as one. A name
    before the host of a server may be a token.
    """
    if NAMED.search(unquote_plus(unquote_plus(address))):
        return "a password, a token or a key"
    before = BEFORE_HOST.search(address)
    if before and ":" in before[0]:
        return "a password"
    return "a name, or a token" if urlsplit(address).username and address.lower().startswith("http") else ""


def masked(text: str) -> str:
    """Return a text without any secret that this process was given, or that an address in it holds."""
    name = os.environ.get("MLFLOW_TRACKING_USERNAME", "")
    for variable in VARIABLES:
        if secret := os.environ.get(variable):
            login = b64encode(f"{name}:{secret}".encode()).decode()  # as it is sent
            for form in (secret, quote(secret, safe=""), login):
                text = text.replace(form, HIDDEN)
    return NAMED.sub(rf"\g<name>{HIDDEN}", BEFORE_HOST.sub(f"//{HIDDEN}@", text))
