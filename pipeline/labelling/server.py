"""The labelling tool's web server: a page, its images and its labels, for this machine's own browser alone."""

import json
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2

from pipeline.labelling.pictures import Pictures
from pipeline.labelling.session import Session
from pipeline.store.decoding import BadImageError
from pipeline.store.pages import environment
from pipeline.store.vocabulary import VIEWPOINTS

HOST = "127.0.0.1"
TEMPLATES = Path(__file__).with_name("templates")
NAMES = frozenset({HOST, "localhost"})
"""Names a browser on this machine calls the server by; another one means that a web page's own name leads here."""

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
LONGEST_REQUEST = 8192
"""Bytes of a request's body."""

JPEG_QUALITY = 92


class LabellingServer(ThreadingHTTPServer):
    """Serves one sitting on `HOST`; `serve_forever` runs it.

    Args:
        port: Port to listen on; 0 takes a free one.
        session: The sitting.
        pictures: The images of the sitting's candidates.
        title: Shown above the image.

    Raises:
        OSError: The port is taken.
    """

    daemon_threads = True

    def __init__(self, port: int, session: Session, pictures: Pictures, title: str) -> None:
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise OSError(f"port {port} of {HOST}: {error.strerror}; give another --port") from error
        self.session = session
        self.pictures = pictures
        template = environment(TEMPLATES).get_template("page.html")
        self.page = template.render(title=title, viewpoints=list(VIEWPOINTS)).encode()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://{HOST}:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about browsers that close a connection early; report the rest."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def state(self) -> dict[str, Any]:
        """What the page shows, as JSON-able values."""
        progress = self.session.progress()
        shown = [{"number": position, **asdict(self.session.candidates[position])} for position in progress.waiting[:1]]
        return {
            **asdict(progress),
            "shown": shown[0] if shown else None,
            "file": str(self.session.labels.path),
        }


class _RefusedError(Exception):
    """A request that is not answered; its status and why."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def _is_count(text: str) -> bool:
    """Whether a text is a whole number that needs no arbitrary precision."""
    return text.isascii() and text.isdecimal() and len(text) < 12


class _Handler(BaseHTTPRequestHandler):
    server: LabellingServer
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        """Answer with the page, the state or an image."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Write or take back a label, and answer with the new state."""
        self._answer(self._post)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the terminal quiet."""

    def _answer(self, respond: Callable[[], tuple[str, bytes]]) -> None:
        status, reason = HTTPStatus.OK, ""
        try:
            self._check_origin()
            kind, content = respond()
        except _RefusedError as error:
            status, reason = error.status, str(error)
        except BadImageError as error:
            status, reason = HTTPStatus.UNPROCESSABLE_ENTITY, str(error)
        except ValueError as error:
            status, reason = HTTPStatus.BAD_REQUEST, str(error)
        except (OSError, RuntimeError) as error:
            status, reason = HTTPStatus.INTERNAL_SERVER_ERROR, f"{type(error).__name__}: {error}"
        if reason:
            self.close_connection = True  # the body of a refused request was not read
            kind, content = "application/json", json.dumps({"error": reason}).encode()
        self._send(status, kind, content)

    def _check_origin(self) -> None:
        """Refuse names that are not this machine's (DNS rebinding) and requests that other pages make."""
        host = self.headers.get("Host", "")
        if urlsplit(f"//{host}").hostname not in NAMES:
            raise _RefusedError(HTTPStatus.FORBIDDEN, f"Host: expected {' or '.join(sorted(NAMES))}, got {host!r}")
        origin = self.headers.get("Origin")
        if origin is not None and origin != f"http://{host}":
            raise _RefusedError(HTTPStatus.FORBIDDEN, f"Origin: expected http://{host}, got {origin!r}")

    def _get(self) -> tuple[str, bytes]:
        if self.path == "/":
            return "text/html; charset=utf-8", self.server.page
        if self.path == "/state":
            return self._state()
        folder, _, number = self.path.removeprefix("/").partition("/")
        if folder == "image" and _is_count(number) and int(number) < len(self.server.pictures.candidates):
            return "image/jpeg", self._jpeg(int(number))
        raise _RefusedError(HTTPStatus.NOT_FOUND, f"no such page: {self.path}")

    def _post(self) -> tuple[str, bytes]:
        request = self._request()
        with self.server.lock:
            if self.path == "/label" and request.keys() == {"image", "viewpoint"}:
                self.server.session.label(request["image"], request["viewpoint"])
            elif self.path == "/undo" and not request:
                self.server.session.undo()
            else:
                raise _RefusedError(HTTPStatus.NOT_FOUND, f"no such request: {self.path} of {sorted(request)}")
        return self._state()

    def _request(self) -> dict[str, Any]:
        """The body: a JSON object. Its type is one that no form of another page can send."""
        length = self.headers.get("Content-Length", "")
        if self.headers.get_content_type() != "application/json":
            raise _RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected application/json")
        if not _is_count(length) or int(length) > LONGEST_REQUEST:
            raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {LONGEST_REQUEST} bytes")
        try:
            request = json.loads(self.rfile.read(int(length)))
        except RecursionError as error:
            raise ValueError("expected a JSON object of texts, got one nested too deeply") from error
        if not isinstance(request, dict) or not all(isinstance(value, str | None) for value in request.values()):
            raise ValueError("expected a JSON object of texts")
        return request

    def _state(self) -> tuple[str, bytes]:
        with self.server.lock:
            return "application/json", json.dumps(self.server.state()).encode()

    def _jpeg(self, number: int) -> bytes:
        with self.server.lock:
            image = self.server.pictures.image(number)
        swapped = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        return bytes(cv2.imencode(".jpg", swapped, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes())

    def _send(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Type": kind, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)
