"""One process fetches and the others wait; whoever is killed or never ends is in nobody's way."""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bnas.zoo import cache, fetch_lock
from bnas.zoo.cache import cache_folder, cached_path, locate
from bnas.zoo.cards import Card
from bnas.zoo.index import Entry
from bnas.zoo.preprocessing import Preprocessing

FILE = "net.safetensors"
CONTENT = os.urandom(200_000)
CARD = Card(
    name="net",
    tag="lean",
    trained=True,
    num_classes=10,
    preprocessing=Preprocessing(size=32, mean=(0, 0, 0), std=(1, 1, 1)),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    size_bytes=len(CONTENT),
)


class Handler(SimpleHTTPRequestHandler):
    asked: list[str] = []

    def log_request(self, *_: object) -> None:
        self.asked.append(self.path)


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entry]:
    """A model whose file a server has; it is in no other place."""
    monkeypatch.setenv("BNAS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(cache, "checkout_of", lambda _: None)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / FILE).write_bytes(CONTENT)
    monkeypatch.setattr(Handler, "asked", [])
    handler = functools.partial(Handler, directory=tmp_path / "served")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/{FILE}"
        yield Entry(card=CARD, file=FILE, url=url)
        server.shutdown()
        thread.join()


def files() -> list[str]:
    """Name the files in the cache; that of the lock is none of them."""
    found = [path for path in cache_folder().rglob("*") if path.is_file()]
    return sorted(path.name for path in found if path.suffix != ".lock")


HOLDER = """
import sys
from pathlib import Path
from bnas.cells.atomic_file import draft_of
from bnas.zoo.fetch_lock import sole_fetcher

target = Path(sys.argv[1])
with sole_fetcher(target), draft_of(target) as draft:
    draft.write(b"half of it")
    draft.flush()
    sys.stdout.write("locked\\n")
    sys.stdout.flush()
    sys.stdin.read()
    draft.seek(0)
    draft.truncate()
    draft.write(Path(sys.argv[2]).read_bytes())
"""


@pytest.fixture
def holder(tmp_path: Path, entry: Entry) -> Iterator[subprocess.Popen[str]]:
    """Another process in the middle of fetching; it finishes once its standard input ends."""
    command = [sys.executable, "-c", HOLDER, cached_path(entry), tmp_path / "served" / FILE]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


def test_the_second_process_waits_and_finds_the_file(
    holder: subprocess.Popen[str], entry: Entry
) -> None:
    found: list[Path] = []
    waiter = threading.Thread(target=lambda: found.append(locate(entry)))
    waiter.start()
    waiter.join(0.2)
    assert waiter.is_alive()
    assert holder.stdin is not None
    holder.stdin.close()
    waiter.join(10)
    assert found == [cached_path(entry)]
    assert found[0].read_bytes() == CONTENT
    assert Handler.asked == []


def test_the_lock_of_a_killed_process_is_lifted(
    holder: subprocess.Popen[str], entry: Entry
) -> None:
    assert len(files()) == 1  # its draft
    holder.kill()
    holder.wait()
    assert locate(entry) == cached_path(entry)
    assert Handler.asked == [f"/{FILE}"]
    assert files() == [FILE]


def test_a_process_that_never_ends_is_not_waited_for_for_ever(
    holder: subprocess.Popen[str], entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_lock, "PATIENCE_S", 0.1)
    assert locate(entry) == cached_path(entry)
    assert cached_path(entry).read_bytes() == CONTENT
    assert len(files()) == 2  # what the other one writes is left to it
    assert holder.poll() is None
