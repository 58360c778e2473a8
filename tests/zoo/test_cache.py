"""Weights are found in a fixed order, fetched whole and right, or refused in one line."""

from __future__ import annotations

import gc
import hashlib
import os
import shutil
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import attrs
import pytest
from filelock import FileLock

from bnas.zoo import cache, download
from bnas.zoo.cache import cache_folder, cached_path, locate
from bnas.zoo.cards import Card
from bnas.zoo.errors import (
    CacheError,
    ChecksumError,
    DownloadError,
    OfflineError,
    SettingError,
    WeightsFileError,
    WeightsNotFoundError,
)
from bnas.zoo.index import Entry
from bnas.zoo.preprocessing import Preprocessing

FILE = "net.safetensors"
CONTENT = os.urandom(200_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
WRONG = CONTENT[::-1]
CARD = Card(
    name="net",
    tag="lean",
    trained=True,
    num_classes=10,
    preprocessing=Preprocessing(size=32, mean=(0, 0, 0), std=(1, 1, 1)),
    sha256=SHA256,
    size_bytes=len(CONTENT),
)
ENTRY = Entry(card=CARD, file=FILE)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own for each test, a wheel and a checkout without weights, no proxy."""
    monkeypatch.setenv("BNAS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(cache, "PACKAGE_DATA", tmp_path / "wheel")
    monkeypatch.setattr(cache, "checkout_of", lambda _: tmp_path / "checkout")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "checkout" / "weights").mkdir(parents=True)
    (tmp_path / "wheel").mkdir()
    return tmp_path / "home"


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory that BNAS_WEIGHTS names."""
    (tmp_path / "named").mkdir()
    monkeypatch.setenv("BNAS_WEIGHTS", str(tmp_path / "named"))
    return tmp_path / "named"


class Server(ThreadingHTTPServer):
    """Serves by the first part of the path: right bytes, wrong, truncated, stalled, none, …"""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.ended = threading.Event()  # what stalls goes on then

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        kind = self.path.split("/")[1]
        body = {"right": CONTENT, "wrong": WRONG, "long": CONTENT + b"more", "short": CONTENT[:99]}
        if kind == "truncated":
            self.answer(CONTENT[:1000], length=len(CONTENT))
        elif kind == "unsized":  # cut off, and nothing says how much there should have been
            self.answer(CONTENT[:1000], length=None)
        elif kind == "dropped":  # before the first line of an answer
            self.close_connection = True
        elif kind == "reset":  # in the middle; no time to linger means a reset
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.answer(CONTENT[:1000], length=len(CONTENT))
            self.connection.close()
        elif kind == "stalled":
            self.answer(CONTENT[:1000], length=len(CONTENT))
            self.wfile.flush()
            self.server.ended.wait(10)
        elif kind == "slow":
            self.server.ended.wait(0.2)
            self.answer(CONTENT, length=len(CONTENT))
        elif kind == "endless":
            self.answer(bytes(5_000_000), length=None)
        elif kind in body:
            self.answer(body[kind], length=len(body[kind]))
        else:
            self.send_error(500 if kind == "broken" else 404)

    def answer(self, body: bytes, length: int | None) -> None:
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        try:
            self.wfile.write(body)
        except ConnectionError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Keep standard error for the tests."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.ended.set()
        server.shutdown()
        thread.join()
    gc.collect()  # a socket left open would warn, and fail the test that left it


def put(path: Path, content: bytes = CONTENT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def at(server: Server, kind: str) -> Entry:
    return attrs.evolve(ENTRY, url=f"{server.base}/{kind}/{FILE}")


def files_in(folder: Path) -> list[str]:
    """Name the files below a folder, those of locks left out: they stay, and are empty."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(path.name for path in files if path.suffix != ".lock" or path.stat().st_size)


def test_places_come_in_order(tmp_path: Path, named: Path, server: Server) -> None:
    """Each place is found once those before it are empty; the network comes last."""
    entry = attrs.evolve(at(server, "right"), home="wheel")
    places = [
        put(tmp_path / "mine"),
        put(named / FILE),
        put(tmp_path / "wheel" / FILE),
        put(cached_path(entry)),
        put(tmp_path / "checkout" / "weights" / FILE),
    ]
    assert locate(entry, weights=places[0]) == places[0]
    for place in places[1:]:
        assert locate(entry) == place
        place.unlink()
    assert server.asked == []
    assert locate(entry) == cached_path(entry)
    assert cached_path(entry).read_bytes() == CONTENT
    assert server.asked == [f"/right/{FILE}"]
    assert locate(entry) == cached_path(entry)
    assert len(server.asked) == 1


def test_only_a_wheel_s_model_is_looked_for_in_the_wheel(tmp_path: Path) -> None:
    put(tmp_path / "wheel" / FILE)
    with pytest.raises(WeightsNotFoundError):
        locate(ENTRY)


@pytest.mark.parametrize("place", ["named", "wheel", "cache", "checkout"])
def test_a_wrong_file_is_named_with_both_hashes(place: str, tmp_path: Path, named: Path) -> None:
    entry = attrs.evolve(ENTRY, home="wheel")
    paths = {
        "named": named / FILE,
        "wheel": tmp_path / "wheel" / FILE,
        "cache": cached_path(entry),
        "checkout": tmp_path / "checkout" / "weights" / FILE,
    }
    put(paths[place], WRONG)
    with pytest.raises(ChecksumError) as caught:
        locate(entry)
    assert caught.value.path == paths[place]
    assert (caught.value.expected, caught.value.actual) == (
        SHA256,
        hashlib.sha256(WRONG).hexdigest(),
    )
    for word in (str(paths[place]), SHA256, caught.value.actual):
        assert word in str(caught.value)


def test_a_directory_in_a_place_is_refused(named: Path) -> None:
    (named / FILE).mkdir()
    with pytest.raises(WeightsFileError, match="directory"):
        locate(ENTRY)


def test_a_file_of_one_s_own_may_be_any(tmp_path: Path) -> None:
    own = put(tmp_path / "own", WRONG)
    assert locate(ENTRY, weights=own) == own
    assert locate(ENTRY, weights=str(own)) == own
    with pytest.raises(WeightsFileError, match="no such file"):
        locate(ENTRY, weights=tmp_path / "none")
    with pytest.raises(WeightsFileError, match="directory"):
        locate(ENTRY, weights=tmp_path)


def test_nowhere_lists_every_place(tmp_path: Path, named: Path) -> None:
    with pytest.raises(WeightsNotFoundError) as caught:
        locate(attrs.evolve(ENTRY, home="wheel"))
    assert type(caught.value) is WeightsNotFoundError
    assert isinstance(caught.value, FileNotFoundError)
    assert caught.value.file == FILE
    assert caught.value.places == (
        str(named / FILE),
        str(tmp_path / "wheel" / FILE),
        str(cached_path(ENTRY)),
        str(tmp_path / "checkout" / "weights" / FILE),
    )
    for word in (FILE, "net.lean", "BNAS_WEIGHTS", "weights=PATH", *caught.value.places):
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_base_url_is_asked_first_and_once(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BNAS_WEIGHTS", f"{server.base}/right/")
    put(tmp_path / "wheel" / FILE)
    entry = attrs.evolve(ENTRY, home="wheel")
    assert [locate(entry), locate(entry)] == [cached_path(entry)] * 2
    assert server.asked == [f"/right/{FILE}"]


def test_a_base_url_without_the_file_is_passed_over(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BNAS_WEIGHTS", f"{server.base}/none")
    found = put(tmp_path / "checkout" / "weights" / FILE)
    assert locate(ENTRY) == found
    assert server.asked == [f"/none/{FILE}"]


def test_a_file_url_is_a_directory(
    tmp_path: Path, named: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "with space"
    found = put(folder / FILE)
    monkeypatch.setenv("BNAS_WEIGHTS", folder.as_uri())
    monkeypatch.setenv("BNAS_OFFLINE", "1")
    assert locate(ENTRY) == found


@pytest.mark.parametrize(
    "value",
    ["nowhere", "s3://bucket/a", "file://nowhere", "file://[", "://", "http://", "https:///"],
)
def test_a_setting_that_means_nothing(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BNAS_WEIGHTS", value)
    with pytest.raises(SettingError, match="BNAS_WEIGHTS must be") as caught:
        locate(ENTRY)
    assert (caught.value.variable, caught.value.value) == ("BNAS_WEIGHTS", value)
    assert repr(value) in str(caught.value)


def test_a_file_url_of_another_machine(named: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(named / FILE)
    monkeypatch.setenv("BNAS_WEIGHTS", named.as_uri().replace("://", "://localhost"))
    assert locate(ENTRY) == named / FILE
    monkeypatch.setenv("BNAS_WEIGHTS", named.as_uri().replace("://", "://elsewhere"))
    with pytest.raises(SettingError, match="elsewhere"):
        locate(ENTRY)


def test_a_single_file_is_no_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BNAS_WEIGHTS", str(put(tmp_path / FILE)))
    with pytest.raises(SettingError, match="weights=PATH"):
        locate(ENTRY)


@pytest.mark.parametrize("kind", ["wrong", "long", "short", "unsized"])
def test_wrong_bytes_are_not_kept(kind: str, home: Path, server: Server) -> None:
    entry = at(server, kind)
    with pytest.raises(ChecksumError) as caught:
        locate(entry)
    assert (caught.value.path, caught.value.expected) == (entry.url, SHA256)
    for word in (str(entry.url), SHA256, str(caught.value.actual)):
        assert word in str(caught.value)
    assert files_in(home) == []


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("truncated", "1000"),
        ("dropped", "aborted"),
        ("reset", "Connection broken"),
        ("endless", "sends more than"),
        ("none", "404"),
        ("broken", "500"),
    ],
)
def test_a_failed_transfer_leaves_nothing(
    kind: str, words: str, home: Path, server: Server
) -> None:
    entry = at(server, kind)
    with pytest.raises(DownloadError, match=words) as caught:
        locate(entry)
    assert str(entry.url) in str(caught.value)
    assert "could not be fetched" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert files_in(home) == []


def test_a_server_that_is_not_there(home: Path) -> None:
    with Server() as closed:
        entry = at(closed, "right")
    with pytest.raises(DownloadError, match="could not be fetched"):
        locate(entry)
    assert files_in(home) == []


def test_a_server_that_stalls(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT_S", 0.05)
    # It listens and never answers.
    with Server() as silent, pytest.raises(DownloadError, match="timed out"):
        locate(at(silent, "right"))
    assert files_in(home) == []


def test_a_server_that_stalls_in_the_middle(
    home: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "TIMEOUT_S", 0.05)
    with pytest.raises(DownloadError, match="timed out"):
        locate(at(server, "stalled"))
    assert files_in(home) == []


def test_no_network_at_all(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    entry = attrs.evolve(ENTRY, url=f"http://weights.invalid/{FILE}")
    with pytest.raises(DownloadError, match="name resolution") as caught:
        locate(entry)
    for word in (FILE, "BNAS_WEIGHTS", "weights=PATH", str(entry.url)):
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    assert files_in(home) == []


@pytest.mark.parametrize("value", ["1", "true", "YES"])
def test_offline_asks_nobody(
    value: str, server: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BNAS_OFFLINE", value)
    monkeypatch.setenv("BNAS_WEIGHTS", f"{server.base}/right")
    with pytest.raises(OfflineError) as caught:
        locate(at(server, "right"))
    for word in (FILE, str(cached_path(ENTRY)), "BNAS_OFFLINE", server.base):
        assert word in str(caught.value)
    assert server.asked == []
    put(cached_path(ENTRY))
    assert locate(at(server, "right")) == cached_path(ENTRY)
    assert server.asked == []


def test_a_cache_that_cannot_be_made(home: Path, server: Server) -> None:
    home.write_text("a file in the place of the folder")
    with pytest.raises(CacheError, match="BNAS_HOME") as caught:
        locate(at(server, "right"))
    assert str(home) in str(caught.value)
    assert isinstance(caught.value, OSError)
    assert server.asked == []


def test_a_cache_that_cannot_be_written(
    home: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(CacheError, match="Permission denied"):
        locate(at(server, "right"))
    assert server.asked == []


def test_a_cache_that_may_only_be_read(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it holds is used, without a lock; what it lacks is refused before anything is asked."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    put(cached_path(ENTRY))
    monkeypatch.setattr(FileLock, "acquire", refuse)
    monkeypatch.setattr(Path, "mkdir", refuse)
    assert locate(at(server, "right")) == cached_path(ENTRY)
    cached_path(ENTRY).unlink()
    with pytest.raises(CacheError, match="Read-only file system.*set BNAS_HOME"):
        locate(at(server, "right"))
    monkeypatch.undo()
    assert server.asked == []


def test_a_disk_that_fills_up(home: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(CacheError, match="File too large"):
            locate(at(server, "right"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files_in(home) == []


class Bar:
    """Counts; as tqdm's bar, it has no truth."""

    total = shown = 0
    closed = False

    def update(self, count: int) -> None:
        self.shown += count

    def close(self) -> None:
        self.closed = True

    def __bool__(self) -> bool:
        raise TypeError


def test_progress_is_shown_if_asked(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    bar = Bar()
    locate(at(server, "right"), progress=bar)
    assert (bar.total, bar.shown, bar.closed) == (len(CONTENT), len(CONTENT), True)
    broken = Bar()
    shutil.rmtree(cache_folder())
    with pytest.raises(DownloadError):
        locate(at(server, "truncated"), progress=broken)
    assert (broken.total, broken.shown, broken.closed) == (len(CONTENT), 0, True)
    shutil.rmtree(cache_folder())
    locate(at(server, "right"))
    assert capfd.readouterr() == ("", "")


def test_two_versions_lie_side_by_side() -> None:
    newer = attrs.evolve(ENTRY, card=attrs.evolve(CARD, sha256="f" * 64))
    assert cached_path(ENTRY) != cached_path(newer)
    assert cached_path(ENTRY).name.endswith(FILE)


def test_eight_at_once_fetch_once(server: Server) -> None:
    found: list[Path] = []
    fetchers: list[Callable[[], None]] = [
        lambda: found.append(locate(at(server, "slow"))) for _ in range(8)
    ]
    threads = [threading.Thread(target=fetcher) for fetcher in fetchers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [cached_path(ENTRY)] * 8
    assert server.asked == [f"/slow/{FILE}"]
    assert files_in(cache_folder()) == [FILE]
