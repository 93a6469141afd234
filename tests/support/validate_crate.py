"""Validate an RO-Crate without a network. What the validator would fetch comes with the tests, and its sockets are closed.

    validate_crate.py CRATE SEVERITY CONTEXTS CACHE

It runs in the environment of tests/validator.lock, and prints a JSON list of issues: check, severity, message, entity.
"""

import io
import json
import socket
import sys
from pathlib import Path
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from rocrate_validator import models, services
from rocrate_validator.utils.http import HttpRequester
from urllib3 import HTTPResponse

GIVEN = {
    "https://w3id.org/ro/crate/1.1/context": "ro-crate-1.1.jsonld",
    "https://w3id.org/ro/terms/workflow-run/context": "workflow-run.jsonld",
}


class Given(HTTPAdapter):
    """Answers from a folder of files."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def send(self, request: PreparedRequest, **_: Any) -> Response:
        body = io.BytesIO((self.folder / GIVEN[str(request.url)]).read_bytes())
        headers = {"Content-Type": "application/ld+json"}
        answer = HTTPResponse(body, headers, status=200, preload_content=False, request_url=request.url)
        return self.build_response(request, answer)


def refuse(*_: Any, **__: Any) -> None:
    raise AssertionError("the validator asked the network")


def main() -> None:
    crate, severity, contexts, cache = sys.argv[1:]
    socket.socket.connect = socket.getaddrinfo = refuse
    HttpRequester.initialize_cache(cache_path=cache)
    requester = HttpRequester()
    requester.session.mount("https://w3id.org/", Given(Path(contexts)))
    for address in GIVEN:
        requester.get(address)
    settings = services.ValidationSettings(
        rocrate_uri=crate,
        profile_identifier="workflow-run-crate-0.5",
        requirement_severity=severity,
        offline=True,
        cache_path=Path(cache),
    )
    found = services.validate(settings).get_issues(models.Severity.OPTIONAL)
    print(json.dumps([[issue.check.identifier, issue.severity.name, issue.message, issue.violatingEntity] for issue in found]))


main()
