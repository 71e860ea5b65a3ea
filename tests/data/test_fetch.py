"""Downloads from a server on this machine that behaves as badly as it is told to."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from pulsewise.core import registry
from pulsewise.core.disk import lock
from pulsewise.core.errors import InputError, PulsewiseError
from pulsewise.core.plugin import DatasetInfo
from pulsewise.data import fetch as fetching
from pulsewise.data.fetch import Remote, Source, fetch

CONTENT = bytes(range(256)) * 4000


@dataclass
class Server:
    """What it serves and how: after `cut` bytes of an answer the connection closes, `cuts` times."""

    files: dict[str, bytes] = field(default_factory=dict)
    cut: int = 0
    cuts: int = 0
    ranges: bool = True
    etag: str = '"one"'
    status: int = 200
    base: str = ""
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server({"/data/file.bin": CONTENT})

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            state.asked.append(wanted)
            content = state.files.get(self.path)
            if content is None or state.status != 200:
                self.send_error(state.status if state.status != 200 else 404)
                return
            first = 0
            if wanted and state.ranges and self.headers.get("If-Range") == state.etag:
                first = int(wanted.removeprefix("bytes=").rstrip("-"))
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
            else:
                self.send_response(200)
            if state.etag:
                self.send_header("ETag", state.etag)
            body = content[first:]
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if state.cuts:
                state.cuts -= 1
                self.wfile.write(body[: state.cut])
                self.wfile.flush()
                self.connection.close()
                return
            self.wfile.write(body)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        state.base = f"http://127.0.0.1:{http_server.server_port}"
        thread = threading.Thread(target=http_server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield state
        http_server.shutdown()
        thread.join()


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A dataset of one file, which the registry finds under any name."""
    module = SimpleNamespace(
        FETCH=Source("made", (Remote("https://example.org/data/file.bin", "file.bin"),)),
        INFO=DatasetInfo("Made", "none", "here"),
    )
    monkeypatch.setattr(registry, "load", lambda room, name: module)
    monkeypatch.setattr(fetching, "TIMEOUT_S", 5.0)
    monkeypatch.setattr(fetching, "PAUSE_S", 0.0)
    return module


def recorded(folder: Path) -> str:
    return json.loads((folder / "fetch.lock.json").read_text())["files"]["file.bin"]["sha256"]


def test_a_file_is_fetched_once_and_its_checksum_is_kept(server: Server, source, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int | None]] = []
    found = fetch("made", tmp_path, base_url=server.base, progress=lambda *what: seen.append(what))
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert found.files["file.bin"] == recorded(tmp_path) == hashlib.sha256(CONTENT).hexdigest()
    assert "not known" in found.notes[0]
    assert seen[-1] == ("file.bin", len(CONTENT), len(CONTENT))
    fetch("made", tmp_path, base_url=server.base)
    assert len(server.asked) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fetch.lock.json", "file.bin"]


def test_a_download_that_breaks_off_goes_on_where_it_stopped(server: Server, source, tmp_path: Path) -> None:
    server.cut, server.cuts = 100_000, 3
    fetch("made", tmp_path, base_url=server.base)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert server.asked[0] == ""
    assert all(asked.startswith("bytes=") for asked in server.asked[1:])
    assert len(server.asked) == 4


def test_a_later_run_goes_on_too(server: Server, source, tmp_path: Path) -> None:
    class Killed(BaseException):
        """As a signal ends a process."""

    def kill(name: str, have: int, total: int | None) -> None:
        if have > 300_000:
            raise Killed

    with pytest.raises(Killed):
        fetch("made", tmp_path, base_url=server.base, progress=kill)
    have = (tmp_path / ".file.bin.part").stat().st_size
    assert 300_000 < have < len(CONTENT)
    fetch("made", tmp_path, base_url=server.base)
    assert server.asked == ["", f"bytes={have}-"]
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("how", ["no ranges", "no mark", "changed"])
def test_a_part_that_cannot_be_gone_on_with_is_begun_anew(server: Server, source, tmp_path: Path, how: str) -> None:
    (tmp_path / ".file.bin.part").write_bytes(b"something else" * 100)
    (tmp_path / ".file.bin.part.json").write_text(json.dumps({"mark": '"zero"' if how == "changed" else server.etag}))
    server.ranges = how != "no ranges"
    if how == "no mark":
        (tmp_path / ".file.bin.part.json").unlink()
    fetch("made", tmp_path, base_url=server.base)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_another_file_than_before_is_refused(server: Server, source, tmp_path: Path) -> None:
    fetch("made", tmp_path, base_url=server.base)
    (tmp_path / "file.bin").unlink()
    server.files["/data/file.bin"] = CONTENT[::-1]
    with pytest.raises(PulsewiseError, match="fetched before") as caught:
        fetch("made", tmp_path, base_url=server.base)
    assert (caught.value.code, caught.value.exit_status) == ("checksum", 3)
    assert not (tmp_path / "file.bin").exists()
    (tmp_path / "file.bin").write_bytes(b"spoiled on the disk")
    with pytest.raises(PulsewiseError, match="fetched before"):
        fetch("made", tmp_path, base_url=server.base)


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_a_checksum_the_publisher_states_is_checked(server: Server, source, tmp_path: Path, kind: str) -> None:
    right = hashlib.new(kind, CONTENT).hexdigest()
    for checksum in ("0" * len(right), right):
        source.FETCH = Source("made", (Remote("https://example.org/data/file.bin", "file.bin", **{kind: checksum}),))
        if checksum == right:
            assert fetch("made", tmp_path, base_url=server.base).notes == ()
        else:
            with pytest.raises(PulsewiseError) as caught:
                fetch("made", tmp_path, base_url=server.base)
            assert caught.value.code == "checksum"


@pytest.mark.parametrize(("status", "asked"), [(404, 1), (403, 1), (500, 4), (503, 4)])
def test_a_server_that_refuses_is_believed(server: Server, source, tmp_path: Path, status: int, asked: int) -> None:
    server.status = status
    with pytest.raises(PulsewiseError, match=str(status)) as caught:
        fetch("made", tmp_path, base_url=server.base)
    assert (caught.value.code, caught.value.exit_status, len(server.asked)) == ("download", 7, asked)
    assert "--from" in caught.value.fix
    assert not (tmp_path / "file.bin").exists()


def test_a_server_that_keeps_breaking_without_a_byte_is_given_up(server: Server, source, tmp_path: Path) -> None:
    server.cut, server.cuts = 0, 99
    with pytest.raises(PulsewiseError) as caught:
        fetch("made", tmp_path, base_url=server.base)
    assert caught.value.code == "download"
    with pytest.raises(PulsewiseError):
        fetch("made", tmp_path, base_url="http://127.0.0.1:1")  # nobody there


def test_only_the_web_is_asked(source, tmp_path: Path) -> None:
    for url in ("file:///etc/passwd", "ftp://example.org/x"):
        source.FETCH = Source("made", (Remote(url, "x"),))
        with pytest.raises(PulsewiseError, match="only http"):
            fetch("made", tmp_path)


def zipped(names: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in names.items():
            file.writestr(name, content)
    return buffer.getvalue()


def test_an_archive_of_many_files_is_unpacked_whole(server: Server, source, tmp_path: Path) -> None:
    server.files["/a.zip"] = zipped({f"Set/{i}.txt": b"1 2 3" for i in range(700)})
    source.FETCH = Source("made", (Remote("https://example.org/a.zip", "a.zip"),))
    fetch("made", tmp_path, base_url=server.base)
    assert len(list((tmp_path / "a" / "Set").iterdir())) == 700
    fetch("made", tmp_path, base_url=server.base)
    assert len(server.asked) == 1


@pytest.mark.parametrize("name", ["../out.txt", "/etc/out.txt", "a/../../out.txt"])
def test_an_archive_cannot_leave_its_folder(server: Server, source, tmp_path: Path, name: str) -> None:
    server.files["/a.zip"] = zipped({"in.txt": b"1", name: b"2"})
    source.FETCH = Source("made", (Remote("https://example.org/a.zip", "a.zip"),))
    with pytest.raises(PulsewiseError) as caught:
        fetch("made", tmp_path / "x", base_url=server.base)
    assert caught.value.code == "unsafe_path"
    assert not (tmp_path / "x" / "a").exists()


def test_a_list_of_files_is_read_with_its_checksums(server: Server, source, tmp_path: Path) -> None:
    source.FETCH = Source("made", listing="https://example.org/v2/articles/1")
    entry = {"name": "../file.bin", "download_url": "https://example.org/data/file.bin", "size": len(CONTENT)}
    entry["computed_md5"] = hashlib.md5(CONTENT).hexdigest()
    server.files["/v2/articles/1"] = json.dumps({"files": [entry]}).encode()
    assert fetch("made", tmp_path, base_url=server.base).notes == ()
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    for broken in (b"[]", b"{", b'{"files": [{}]}'):
        server.files["/v2/articles/1"] = broken
        with pytest.raises(PulsewiseError, match="list of files"):
            fetch("made", tmp_path, base_url=server.base)
    server.files.clear()
    with pytest.raises(PulsewiseError, match="404"):
        fetch("made", tmp_path, base_url=server.base)


def test_a_second_process_is_locked_out_and_a_damaged_record_is_said(server: Server, source, tmp_path: Path) -> None:
    with lock(tmp_path), pytest.raises(PulsewiseError) as caught:
        fetch("made", tmp_path, base_url=server.base)
    assert caught.value.code == "output_locked"
    (tmp_path / "fetch.lock.json").write_text("{")
    with pytest.raises(PulsewiseError, match=r"fetch\.lock\.json"):
        fetch("made", tmp_path, base_url=server.base)


def test_a_copy_is_taken_if_the_dataset_is_in_it(source, tmp_path: Path) -> None:
    def build(config: SimpleNamespace) -> SimpleNamespace:
        if not (Path(config.root) / "recording").is_file():
            raise InputError("not_found", "not here")
        return SimpleNamespace(ids=lambda: ["recording"])

    source.build, source.Config = build, SimpleNamespace
    (tmp_path / "there").mkdir()
    with pytest.raises(PulsewiseError, match="not here"):
        fetch("made", tmp_path / "here", from_dir=tmp_path / "there")
    (tmp_path / "there" / "recording").write_text("1 2 3")
    with pytest.raises(PulsewiseError, match="in the folder"):
        fetch("made", tmp_path / "there" / "in", from_dir=tmp_path / "there")
    fetch("made", tmp_path / "here", from_dir=tmp_path / "there")
    assert (tmp_path / "here" / "recording").read_text() == "1 2 3"
    with pytest.raises(PulsewiseError) as caught:
        fetch("made", tmp_path / "here", from_dir=tmp_path / "there")
    assert caught.value.code == "output_exists"
    with pytest.raises(PulsewiseError) as caught:
        fetch("made", tmp_path / "here", from_dir=tmp_path / "nowhere")
    assert caught.value.code == "not_found"


def test_what_is_made_on_demand_cannot_be_fetched(tmp_path: Path) -> None:
    with pytest.raises(PulsewiseError, match="not one to download"):
        fetch("simulated", tmp_path)
    with pytest.raises(PulsewiseError, match="did you mean"):
        fetch("ppgbp", tmp_path)
    for name in ("ppg_bp", "ppg_glucose", "pulsedb"):
        module = registry.load("datasets", name)
        assert module.FETCH.files or module.FETCH.listing
        assert module.INFO.licence


def test_vitaldb_comes_with_its_tables_and_first_cases_and_can_be_read(server: Server, tmp_path: Path) -> None:
    """The addresses are those of the publisher's own library; the case is a file that holds nothing."""
    from pulsewise.datasets import vitaldb

    server.files = {f"/{case}.vital": b"VITA" for case in range(1, vitaldb.FIRST + 1)}
    server.files |= {"/cases": b"caseid,subjectid\n1,7\n", "/labs": b"caseid,dt,name,result\n1,60,glu,111\n"}
    found = fetch("vitaldb", tmp_path, base_url=server.base)
    assert sorted(found.files) == [*(f"{case}.vital" for case in range(1, 6)), "cases.csv", "labs.csv"]
    dataset = vitaldb.build(vitaldb.Config(str(tmp_path)))
    assert dataset.ids() == ["1", "2", "3", "4", "5"] and dataset.labs == {"1": ((60.0, 111.0),)}
    with pytest.raises(PulsewiseError):
        dataset.read("1")
