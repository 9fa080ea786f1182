import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from parsed_page import HOSTILE, check_hostile_names

from pipeline.labelling.label_file import LabelFile
from pipeline.labelling.pictures import Candidate, Pictures
from pipeline.labelling.server import LONGEST_REQUEST, LabellingServer
from pipeline.labelling.session import Session
from tests.hostile.hostile_sets import SECRET


def image(position: int) -> NDArray[np.uint8]:
    return np.zeros((20, 30, 3), np.uint8)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LabellingServer]:
    (tmp_path / "secret.png").write_bytes(SECRET)
    candidates = [Candidate(f"{HOSTILE}{number}.jpg", str(number), "c1", False) for number in range(2)]
    session = Session(candidates, LabelFile(tmp_path / "labels.csv"), seed=0)
    with LabellingServer(0, session, Pictures(candidates, image), HOSTILE) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(
    server: LabellingServer, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection._validate_path = lambda url: None  # a hostile client checks nothing
    connection._encode_request = lambda request: request.encode("latin-1")
    sent = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    connection.putrequest(method, path, skip_host="Host" in sent)
    for name, value in sent.items():
        connection.putheader(name, value)
    if body is not None and "Content-Length" not in sent:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    try:
        return answer.status, answer.read()
    finally:
        connection.close()


PATHS = (
    *("/../secret.png", "/../../etc/passwd", "/%2e%2e/secret.png", "/image/../../secret.png", "/image/..%2fsecret.png"),
    *("//etc/passwd", "/image/-1", "/image/2", "/image/1e0", "/image/0x1", "/image/", "/image/0/0", "/image//0"),
    *("/image/\u00b2", "/image/99999999999999999999", "/static/x", "/favicon.ico", "/?x=1", "/state/", "/label"),
    *("file:///etc/passwd", "http://127.0.0.1/", "\\secret.png", "/image/" + "9" * 5000),
)


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_is_no_page_is_not_found(server: LabellingServer, path: str) -> None:
    status, content = ask(server, "GET", path.encode().decode("latin-1"))
    assert status == 404
    assert SECRET not in content


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil", "", "[::1]", "0.0.0.0", "evil@x", "[", "10.0.0.1"],
)
def test_a_foreign_host_is_refused(server: LabellingServer, host: str) -> None:
    assert ask(server, "GET", "/", Host=host)[0] in (400, 403)


@pytest.mark.parametrize(
    "origin", ["null", "http://evil.example", "https://127.0.0.1", "http://localhost:1", "file://", ""]
)
def test_another_page_is_refused(server: LabellingServer, origin: str) -> None:
    body = b'{"image": "x", "viewpoint": "front"}'
    assert ask(server, "POST", "/label", body, Origin=origin)[0] == 403
    assert not server.session.labels.path.exists()


BODIES = {
    "nothing": b"",
    "text": b"text",
    "half": b'{"image": ',
    "list": b"[]",
    "numbers": b'{"image": 1, "viewpoint": 2}',
    "nested": b'{"image": {"a": "b"}, "viewpoint": "front"}',
    "unknown image": b'{"image": "../secret.png", "viewpoint": "front"}',
    "unknown viewpoint": b'{"image": "x", "viewpoint": "top"}',
    "formula": b'{"image": "=cmd()", "viewpoint": "front"}',
    "further keys": b'{"image": "x", "viewpoint": "front", "path": "/etc/passwd"}',
    "deep": b"[" * 8000,
    "latin": b'{"image": "\xe9", "viewpoint": "front"}',
    "long": b" " * (LONGEST_REQUEST + 1),
}


@pytest.mark.parametrize("kind", BODIES)
def test_a_body_that_is_no_label_is_refused_and_writes_nothing(server: LabellingServer, kind: str) -> None:
    assert 400 <= ask(server, "POST", "/label", BODIES[kind])[0] < 500
    assert not server.session.labels.path.exists()


@pytest.mark.parametrize("length", ["-1", "x", "\u00b2", "1e3", "99999999999", ""])
def test_a_length_that_is_none_is_refused(server: LabellingServer, length: str) -> None:
    headers = {"Content_Length": length.encode().decode("latin-1")}
    assert 400 <= ask(server, "POST", "/label", None, **headers)[0] < 500


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_a_form_can_send_is_refused(server: LabellingServer, kind: str) -> None:
    assert ask(server, "POST", "/undo", b"{}", Content_Type=kind)[0] in (400, 415)


def test_markup_in_names_stays_text(server: LabellingServer) -> None:
    check_hostile_names(ask(server, "GET", "/")[1].decode(), HOSTILE)
