"""A proxy on loopback that passes HTTP requests on to a server, or fails in a way that is chosen while it runs."""

import json
import socket
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from waiting import SECONDS

HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}  # headers that belong to one connection


class FaultyProxy:
    """A proxy whose `mode` says what becomes of a request.

    - "pass": it is passed on, and so is the reply;
    - "delay": the same after `seconds`;
    - "drop": the connection is closed without a reply;
    - "lose": it is passed on, and the reply is lost, so that the client cannot know what came of it;
    - a number: the reply is that HTTP status.

    `fails_from` puts the mode off until so many requests have come. `requests` counts them. With a `password`, whoever does not
    give it, by itself or as a token, is refused before all else. What a refusal says repeats what was given. `hook` is told path
    and body of each request, and may wait; one for which it returns True is dropped.
    """

    def __init__(self, port: int) -> None:
        self.mode: str | int = "pass"
        self.seconds = 3.0
        self.requests = 0
        self.fails_from = 0
        self.password: str | None = None
        self.hook: Callable[[str, bytes], bool] = lambda *_: False
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                mode = proxy.mode if proxy.requests >= proxy.fails_from else "pass"
                proxy.requests += 1
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                kind, _, given = self.headers.get("Authorization", "").partition(" ")
                secret = b64decode(given).decode().partition(":")[2] if kind == "Basic" else given
                if proxy.password and secret != proxy.password:
                    mode = 401
                if isinstance(mode, int):
                    message = f"put on by the test for {kind} {given}, which is {secret}"
                    self._reply(mode, {}, json.dumps({"error_code": "TEST", "message": message}).encode())
                    return
                if proxy.hook(self.path, body) or mode == "drop":
                    self._close()
                    return
                if mode == "delay":
                    time.sleep(proxy.seconds)
                connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
                try:
                    connection.request(self.command, self.path, body, dict(self.headers))
                    reply = connection.getresponse()
                    content = reply.read()
                except (OSError, HTTPException):
                    self._close()
                    return
                finally:
                    connection.close()
                if mode == "lose":
                    self._close()
                else:
                    self._reply(reply.status, dict(reply.getheaders()), content)

            do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

            def _reply(self, status: int, headers: dict[str, str], content: bytes) -> None:
                self.send_response_only(status)
                for name, value in headers.items():
                    if name.lower() not in HOP:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def _close(self) -> None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                pass  # a client that has given up

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def faulty_proxy(port: int) -> Iterator[FaultyProxy]:
    proxy = FaultyProxy(port)
    try:
        yield proxy
    finally:
        proxy.close()
