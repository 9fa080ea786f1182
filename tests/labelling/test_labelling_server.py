import http.client
import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from parsed_page import HOSTILE, check_hostile_names

from pipeline.labelling.label_file import LabelFile
from pipeline.labelling.pictures import Candidate, Pictures
from pipeline.labelling.server import LabellingServer
from pipeline.labelling.session import Session
from pipeline.store.decoding import BadImageError
from pipeline.store.vocabulary import VIEWPOINTS


def image(position: int) -> np.ndarray[Any, Any]:
    if position == 2:
        raise BadImageError("not an image")
    return np.full((20, 30, 3), (200, 100, 0), np.uint8)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LabellingServer]:
    candidates = [Candidate(f"{number}.jpg", str(number), "c1", False) for number in range(3)]
    session = Session(candidates, LabelFile(tmp_path / "labels.csv"), seed=0)
    with LabellingServer(0, session, Pictures(candidates, image), "shop, train") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(server: LabellingServer, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, bytes]:
    """Status, headers and body of one request; header names are written with underscores."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        sent.setdefault("Content-Type", "application/json")
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request(method, path, body, sent)
    answer = connection.getresponse()
    try:
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def test_the_page_fetches_nothing_from_anywhere_else(server: LabellingServer) -> None:
    status, headers, page = ask(server, "GET", "/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert not re.search(rb"https?://|//[a-z]+\.|@import|url\(", page)


def test_the_page_offers_the_five_viewpoints_in_their_order_and_explains_them(server: LabellingServer) -> None:
    page = ask(server, "GET", "/")[2].decode()
    offered = re.findall(r'data-viewpoint="(.*?)" aria-keyshortcuts="(.)".*?<kbd>(.)</kbd> (.*?)<', page)
    assert offered == [(name, f"{key}", f"{key}", name) for key, name in enumerate(VIEWPOINTS, 1)]
    assert re.findall(r"<dt>(.*?)</dt>", page) == [*VIEWPOINTS, "unclear"]


def test_the_page_has_the_title_of_the_sitting_and_a_hostile_one_stays_text(server: LabellingServer) -> None:
    page = ask(server, "GET", "/")[2].decode()
    assert "<title>shop, train</title>" in page
    assert '<h1 id="title">shop, train</h1>' in page
    with LabellingServer(0, server.session, server.pictures, f"title {HOSTILE}") as hostile:
        check_hostile_names(hostile.page.decode(), f"title {HOSTILE}")


def test_a_label_is_on_disk_when_the_answer_comes(server: LabellingServer) -> None:
    state = json.loads(ask(server, "GET", "/state")[2])
    assert (state["total"], len(state["waiting"])) == (3, 3)
    shown = state["shown"]["path"]
    status, _, answer = ask(server, "POST", "/label", {"image": shown, "viewpoint": "rear-side"})
    assert status == 200
    assert json.loads(answer)["counts"]["rear-side"] == 1
    assert json.loads(answer)["shown"]["path"] != shown
    path = server.session.labels.path
    assert path.read_text() == f"image,viewpoint\n{shown},rear-side\n"
    assert json.loads(ask(server, "POST", "/undo", {})[2])["shown"]["path"] == shown
    assert path.read_text() == "image,viewpoint\n"


def test_a_null_viewpoint_skips_and_the_end_shows_nothing(server: LabellingServer) -> None:
    for number in range(3):
        answer = ask(server, "POST", "/label", {"image": f"{number}.jpg", "viewpoint": None})[2]
    state = json.loads(answer)
    assert (state["skipped"], state["shown"], state["waiting"]) == (3, None, [])


def test_images_come_as_jpeg_in_their_own_colours(server: LabellingServer) -> None:
    status, headers, content = ask(server, "GET", "/image/0")
    assert (status, headers["Content-Type"]) == (200, "image/jpeg")
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert decoded.shape == (20, 30, 3)
    np.testing.assert_allclose(decoded[10, 15], (200, 100, 0), atol=4)


def test_an_image_that_cannot_be_read_says_so(server: LabellingServer) -> None:
    status, _, content = ask(server, "GET", "/image/2")
    assert (status, json.loads(content)) == (422, {"error": "not an image"})


@pytest.mark.parametrize("path", ["/image/3", "/image/-1", "/image/../0", "/image/", "/labels.csv"])
def test_nothing_else_is_served(server: LabellingServer, path: str) -> None:
    assert ask(server, "GET", path)[0] == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example:80"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_other_pages_can_neither_label_nor_read(server: LabellingServer, headers: dict[str, str], status: int) -> None:
    assert ask(server, "POST", "/label", {"image": "0.jpg", "viewpoint": "front"}, **headers)[0] == status
    assert not server.session.labels.path.exists()
    if "Content_Type" not in headers:
        assert ask(server, "GET", "/state", **headers)[0] == status


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_the_page_itself_may_label_also_through_a_forwarded_port(server: LabellingServer, name: str) -> None:
    headers = {"Host": f"{name}:9000", "Origin": f"http://{name}:9000"}
    assert ask(server, "POST", "/label", {"image": "0.jpg", "viewpoint": "front"}, **headers)[0] == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/label", {"image": "9.jpg", "viewpoint": "front"}, 400, "'9.jpg' is not among the 3 images"),
        ("/label", {"image": "0.jpg", "viewpoint": "top"}, 400, "expected one of front"),
        ("/label", {"image": "0.jpg"}, 404, "no such request: /label of ['image']"),
        ("/label", {"image": "0.jpg", "viewpoint": 3}, 400, "expected a JSON object of texts"),
        ("/label", b"{", 400, "Expecting property name"),
        ("/undo", b"[]", 400, "expected a JSON object of texts"),
        ("/undo", b"x" * 9000, 413, "at most 8192 bytes"),
        ("/state", {}, 404, "no such request: /state"),
    ],
)
def test_a_wrong_request_changes_nothing_and_is_explained(
    server: LabellingServer, path: str, body: Any, status: int, message: str
) -> None:
    found, _, content = ask(server, "POST", path, body)
    assert found == status
    assert message in json.loads(content)["error"]
    assert not server.session.labels.path.exists()


def test_a_file_that_cannot_be_written_is_told_to_the_page(server: LabellingServer) -> None:
    server.session.labels.path.write_text("something else\n")
    status, _, content = ask(server, "POST", "/label", {"image": "0.jpg", "viewpoint": "front"})
    assert status == 400
    assert "labels.csv, line 1: expected the columns image and viewpoint" in json.loads(content)["error"]
    assert server.session.progress().undoable == 0


def test_a_port_that_is_taken_is_named(server: LabellingServer) -> None:
    with pytest.raises(OSError, match=f"port {server.server_port} of 127.0.0.1: Address already in use; give another"):
        LabellingServer(server.server_port, server.session, server.pictures, "")


def test_only_this_machine_can_connect(server: LabellingServer) -> None:
    assert server.socket.getsockname()[0] == "127.0.0.1"
    assert server.socket.family == socket.AF_INET


def test_a_browser_that_leaves_early_says_nothing_in_the_terminal(
    server: LabellingServer, capfd: pytest.CaptureFixture[str]
) -> None:
    for error in (ConnectionResetError(), ZeroDivisionError()):
        try:
            raise error
        except type(error):
            server.handle_error(None, ("127.0.0.1", 1))
    assert "ConnectionResetError" not in (errors := capfd.readouterr().err)
    assert "ZeroDivisionError" in errors
