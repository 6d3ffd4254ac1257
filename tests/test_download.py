"""Fetching from Kaggle, against a server that stands for it: every failure, what is said, what is left, resuming."""

import importlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
import zipfile
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from fakeface_utils import cli
from fakeface_utils.datasets import archives, download, layouts
from fakeface_utils.datasets.archives import DataError
from tests.conftest import make_140k, make_yonsei
from tests.kaggle_server import KEY, SECRETS, TOKEN, USER, FakeKaggle

ROOT = Path(__file__).parent.parent
POINT_AT_THE_SERVER = """
import os, kagglesdk.kaggle_env as env
env._env_to_endpoint[env.KaggleEnv.PROD] = os.environ["STANDS_FOR_KAGGLE"]
"""


def zip_bytes(folder: Path) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as zipped:
        for path in sorted(folder.rglob("*.jpg")):
            zipped.write(path, path.relative_to(folder))
    return content.getvalue()


@pytest.fixture(scope="module")
def zips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    return {
        download.SLUGS["140k"]: zip_bytes(make_140k(folder / "140k")),
        download.SLUGS["yonsei"]: zip_bytes(make_yonsei(folder / "yonsei")),
    }


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """The client, loaded without any credentials of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()):
        without_credentials(patch, tmp_path_factory.mktemp("nobody"))
        patch.setenv("KAGGLE_USERNAME", "nobody")  # an older client cannot be imported without; nothing is sent
        patch.setenv("KAGGLE_KEY", "none")
        return importlib.import_module("kaggle")


def without_credentials(patch, home: Path) -> None:
    for name in [*os.environ]:
        if name.startswith("KAGGLE_") or name in ("XDG_CONFIG_HOME", "VERBOSE", "VERBOSE_OUTPUT"):
            patch.delenv(name)
    patch.setenv("HOME", str(home))
    patch.setenv("USERPROFILE", str(home))
    patch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def home(tmp_path, client, monkeypatch):
    """An empty home; the tests have no credentials but those they put there."""
    home = tmp_path / "home"
    (home / ".kaggle").mkdir(parents=True)
    without_credentials(monkeypatch, home)
    monkeypatch.setattr(client.KaggleApi, "config", str(home / ".kaggle" / "kaggle.json"))
    return home


@pytest.fixture
def server(home, zips, monkeypatch):
    from kagglesdk import kaggle_env

    with FakeKaggle() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        server.archives = dict(zips)
        monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, server.url)
        monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
        yield server
        server.closing.set()
        server.shutdown()


@pytest.fixture
def waits(monkeypatch):
    """Nobody waits; what would have been waited is listed."""
    waits = []
    monkeypatch.setattr(download, "sleep", waits.append)
    monkeypatch.setattr(download, "_CHUNK", 512)
    monkeypatch.setattr(download, "_TIMEOUT", (1, 0.3))
    return waits


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def fetch(data, waits, capsys, caplog):
    """Runs the command; looks every time that no secret shows and nothing has the final name unless it went well."""
    caplog.set_level("DEBUG")

    def run(layout="140k", *options) -> SimpleNamespace:
        status = cli.main(["download", layout, "--dest", str(data), *options])
        out, err = capsys.readouterr()
        for secret in SECRETS:
            assert secret not in out + err
            assert [p for p in data.rglob("*") if p.is_file() and secret.encode() in p.read_bytes()] == []
        assert TOKEN not in caplog.text and KEY not in caplog.text
        assert (data / layout).exists() == (status == 0)
        assert list(data.glob(".incoming-*")) == []
        last = err.splitlines()[-1] if err else ""
        return SimpleNamespace(status=status, out=out, err=err, last=last)

    return run


def part(data: Path, layout: str = "140k") -> Path:
    return data / ".downloads" / f"{layout}.zip.part"


@pytest.mark.parametrize(("layout", "n_images"), [("140k", 18), ("yonsei", 8)])
def test_a_set_comes_in_and_the_archive_goes(server, fetch, data, layout, n_images):
    done = fetch(layout)
    assert done.status == 0 and "is ready" in done.out
    assert len(layouts.build_index(data / layout)) == n_images
    assert list((data / ".downloads").iterdir()) == []
    assert server.ranges() == [None]
    assert all("Authorization" not in headers for headers in server.asked("/storage/")[1:])


def test_a_kept_archive_saves_the_next_download(server, fetch, data, zips):
    assert "the archive is kept" in fetch("140k", "--keep-archive").out
    archive = download.archive_path("140k", data)
    assert archive.read_bytes() == zips[download.SLUGS["140k"]]
    (data / "140k").rename(data / "moved away")
    server.log.clear()
    assert fetch().status == 0 and server.log == [] and not archive.exists()


def test_a_spoilt_archive_is_fetched_again(server, fetch, data):
    archive = download.archive_path("140k", data)
    archive.parent.mkdir(parents=True)
    archive.write_bytes(server.archives[download.SLUGS["140k"]][:-100])
    assert fetch().status == 0 and server.ranges() == [None]


def test_a_set_that_is_there_is_not_downloaded(server, fetch, data):
    assert fetch().status == 0
    server.log.clear()
    with pytest.raises(DataError, match=r"already there, nothing was downloaded"):
        download.download("140k", data)
    assert server.log == []


def test_unknown_set(data):
    with pytest.raises(DataError, match="choose one of 140k, yonsei"):
        download.download("cats", data)


@pytest.mark.parametrize("how", ["variable", "file", "pair", "kaggle.json"])
def test_credentials_where_the_client_looks(server, fetch, home, monkeypatch, how):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    if how == "variable":
        monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    elif how == "file":
        (home / ".kaggle" / "access_token").write_text(TOKEN + "\n")
    elif how == "pair":
        monkeypatch.setenv("KAGGLE_USERNAME", USER)
        monkeypatch.setenv("KAGGLE_KEY", KEY)
    else:
        (home / ".kaggle" / "kaggle.json").write_text(f'{{"username": "{USER}", "key": "{KEY}"}}')
    assert fetch().status == 0


class SecretNotFoundError(Exception):
    pass


class NotebookAccessError(Exception):
    pass


class TimeoutException(Exception):
    pass


@pytest.fixture
def colab(server, monkeypatch):
    """A stand-in for google.colab whose secrets a test sets; an exception is raised, as userdata does."""
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    secrets, asked = {}, []

    def get(name):
        asked.append(name)
        value = secrets.get(name, SecretNotFoundError(name))
        if isinstance(value, Exception):
            raise value
        return value

    module = ModuleType("google.colab")
    module.userdata = SimpleNamespace(get=get)
    monkeypatch.setitem(sys.modules, "google.colab", module)
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY"):  # undone after the test, whatever it sets
        monkeypatch.setenv(name, "")
        os.environ.pop(name)
    return SimpleNamespace(secrets=secrets, asked=asked)


def test_colab_secrets_token_or_pair(colab, fetch):
    colab.secrets.update(KAGGLE_USERNAME=USER, KAGGLE_KEY=KEY + "\n")  # the token's secret is missing
    assert fetch().status == 0
    assert os.environ["KAGGLE_KEY"] == KEY
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY"):
        del os.environ[name]
    colab.secrets["KAGGLE_API_TOKEN"] = TOKEN
    assert fetch("yonsei").status == 0 and "KAGGLE_KEY" not in os.environ


@pytest.mark.parametrize(
    ("error", "asked", "hint"),
    [
        (SecretNotFoundError(), 2, False),
        (NotebookAccessError(), 2, True),
        (TimeoutException(), 1, False),
        (AttributeError(), 2, False),  # what a process without a notebook gets
    ],
)
def test_colab_secrets_out_of_reach(colab, fetch, error, asked, hint):
    colab.secrets["KAGGLE_API_TOKEN"] = error
    failed = fetch()
    assert failed.status == 1 and len(colab.asked) == asked
    assert "no Kaggle token" in failed.last and ("its switch for this notebook is off" in failed.last) == hint


def test_a_variable_goes_before_the_secrets(colab, fetch, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    assert fetch().status == 0 and colab.asked == []


def test_no_token_names_the_three_ways(server, fetch, monkeypatch):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    failed = fetch()
    assert failed.status == 1 and failed.out == ""
    for way in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME and KAGGLE_KEY", "access_token", "kaggle.json", "Colab"):
        assert way in failed.last
    assert server.log == []


def test_an_older_client_that_ends_the_process_when_imported(server, fetch, tmp_path, monkeypatch):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    (tmp_path / "old" / "kaggle").mkdir(parents=True)
    (tmp_path / "old" / "kaggle" / "__init__.py").write_text("print('You must authenticate'); exit(1)")
    for name in [name for name in sys.modules if name.split(".")[0] == "kaggle"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path / "old")
    failed = fetch()
    assert failed.status == 1 and failed.out == "" and "no Kaggle token" in failed.last


def test_no_client(server, fetch, monkeypatch):
    for name in ("kaggle", "kagglesdk", "requests", "urllib3"):
        monkeypatch.setitem(sys.modules, name, None)
    assert "make course" in fetch().last


def wrong_token(server, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "KGAT_wrong")  # introspection calls it inactive


def refused_token(server, monkeypatch):
    server.introspection = 401


def wrong_key(server, monkeypatch):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    monkeypatch.setenv("KAGGLE_USERNAME", USER)
    monkeypatch.setenv("KAGGLE_KEY", "wrong")


def broken_token(server, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN + "\n")


def quoted_token(server, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", f"“{TOKEN}”")


@pytest.mark.parametrize("spoil", [wrong_token, refused_token, wrong_key])
def test_wrong_token(server, fetch, waits, monkeypatch, spoil):
    spoil(server, monkeypatch)
    failed = fetch()
    assert failed.status == 1 and waits == []
    assert "does not accept the token (401): make a new one" in failed.last


@pytest.mark.parametrize("spoil", [broken_token, quoted_token])
def test_token_that_cannot_be_sent(server, fetch, waits, monkeypatch, spoil):
    spoil(server, monkeypatch)
    failed = fetch()
    assert failed.status == 1 and "copy it again" in failed.last and waits == []


def test_no_secret_in_the_traceback_either(server, waits, data, monkeypatch):
    broken_token(server, monkeypatch)
    with pytest.raises(DataError) as caught:
        download.download("140k", data)
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_terms_not_accepted_and_unknown_set(server, fetch, waits):
    server.api = [403]
    failed = fetch()
    page = f"kaggle.com/datasets/{download.SLUGS['140k']}"
    assert failed.status == 1 and f"open {page}, accept its terms" in failed.last
    server.archives.clear()
    assert f"404 for {page}" in fetch().last and waits == []


def test_throttled_waits_as_long_as_asked(server, fetch, waits):
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    server.api = [(429, {"Retry-After": "77"}), (503, {"Retry-After": soon}), (429, {"Retry-After": "junk"})]
    assert fetch().status == 0
    assert waits[0] == 77 and 60 < waits[1] <= 100 and waits[2] == download.WAITS[2]


def test_asked_to_wait_for_an_hour(server, fetch, waits):
    server.api = [(429, {"Retry-After": "3600"})]
    assert "(429): wait 60 minutes and run the same command again" in fetch().last and waits == []


@pytest.mark.parametrize(("status", "sentence"), [(429, "fewer requests"), (500, "trouble of its own (500)")])
def test_trouble_that_does_not_pass(server, fetch, waits, status, sentence):
    server.api = [status] * 99
    failed = fetch()
    assert failed.status == 1 and sentence in failed.last and "wait a few minutes" in failed.last
    assert waits == list(download.WAITS) == sorted(waits)


def test_trouble_that_passes(server, fetch, waits):
    server.api = [500, 502]
    server.redirected = [403]  # from the file server: an old address, not the terms
    server.storage = [(503, {"Retry-After": "9"})]
    assert fetch().status == 0 and len(waits) == 4


@pytest.mark.timeout(60)
def test_cut_half_way_goes_on(server, fetch, waits, data):
    server.storage = ["cut 3000", "cut 6000", "stall 9000"]
    assert fetch().status == 0
    assert server.ranges()[0] is None and waits == [download.WAITS[0]] * 3
    starts = [int(r.removeprefix("bytes=").rstrip("-")) for r in server.ranges()[1:]]
    assert 2000 < starts[0] <= 3000 and 5000 < starts[1] <= 6000 and 8000 < starts[2] <= 9000


def test_the_next_call_goes_on(server, fetch, waits, data):
    server.storage = ["cut 3000"]
    server.redirected = ["", *[503] * 99]
    failed = fetch()
    assert (
        failed.status == 1 and "file server answers 503: wait a little" in failed.last and "0.0 MB" in failed.last
    )
    kept = part(data).stat().st_size
    assert 2000 < kept <= 3000
    server.redirected = []
    server.log.clear()
    assert fetch().status == 0 and server.ranges() == [f"bytes={kept}-"]
    assert list((data / ".downloads").iterdir()) == []


def test_a_server_that_always_cuts_at_the_same_place(server, fetch, waits):
    server.storage, server.ignores_range = ["cut 3000"] * 99, True
    failed = fetch()
    assert failed.status == 1 and "broke off at" in failed.last and "check the network" in failed.last
    assert waits == list(download.WAITS)


def test_a_server_that_ignores_range(server, fetch, data, zips):
    server.storage, server.ignores_range = ["cut 3000"], True
    assert fetch("140k", "--keep-archive").status == 0
    assert server.ranges()[1].startswith("bytes=")
    assert download.archive_path("140k", data).read_bytes() == zips[download.SLUGS["140k"]]


def test_an_archive_that_changed_in_between_is_fetched_whole(server, fetch, data):
    slug = download.SLUGS["140k"]
    server.storage, server.redirected = ["cut 3000"], ["", *[503] * 99]
    assert fetch().status == 1
    server.redirected, server.version = [], '"v2"'
    server.archives[slug] = server.archives[download.SLUGS["yonsei"]] + server.archives[slug]
    server.log.clear()
    assert fetch("140k", "--keep-archive").status == 0
    assert len(server.ranges()) == 1 and server.asked("/storage/")[1]["If-Range"] == '"v1"'
    assert download.archive_path("140k", data).read_bytes() == server.archives[slug]


@pytest.mark.parametrize("length", [1000, 10**6])
def test_a_part_with_wrong_bytes_is_started_over_once(server, fetch, data, length):
    part(data).parent.mkdir(parents=True)
    part(data).write_bytes(b"x" * length)
    assert fetch().status == 0 and server.ranges() == [f"bytes={length}-", None]


def test_an_archive_that_stays_damaged(server, fetch, data):
    slug = download.SLUGS["140k"]
    good = server.archives[slug]
    server.archives[slug] = good[:300] + bytes([good[300] ^ 0xFF]) + good[301:]
    failed = fetch()
    assert failed.status == 1 and "damaged twice" in failed.last and "--from-zip" in failed.last
    assert not part(data).exists() and not download.archive_path("140k", data).exists()
    assert server.ranges() == [None, None]


def test_content_length_too_large(server, fetch, waits, data):
    server.length_is_off, server.ignores_range = 100, True
    assert "broke off" in fetch().last
    server.ignores_range = False  # now it can say that nothing comes after what is there
    assert fetch().status == 0


def test_content_length_too_small(server, fetch, data):
    server.length_is_off = -100
    assert "damaged twice" in fetch().last
    server.length_is_off = 0
    assert fetch().status == 0


def test_kaggle_that_sends_the_archive_itself(server, fetch, client, monkeypatch):
    server.sends_directly = True
    monkeypatch.setattr(client.api, "args", ["--verbose"])  # left there, the client would read all of it
    assert fetch().status == 0


def test_no_network(server, fetch, waits, monkeypatch):
    from kagglesdk import kaggle_env

    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, "http://127.0.0.1:1")
    failed = fetch()
    assert failed.status == 1 and waits == list(download.WAITS)
    assert "no connection to Kaggle" in failed.last and "check the network" in failed.last


def test_no_room_is_said_before_anything_is_written(server, fetch, data, zips, monkeypatch):
    size = len(zips[download.SLUGS["140k"]])
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda _: SimpleNamespace(free=int(2 * size)))
    failed = fetch()
    assert failed.status == 1 and "the 140k set needs" in failed.last and "make room" in failed.last
    assert list((data / ".downloads").iterdir()) == []
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda _: SimpleNamespace(free=int(2.2 * size)))
    assert fetch().status == 0


def test_a_disk_that_fills_up_while_writing(server, fetch, data, waits, monkeypatch):
    class Full(io.FileIO):
        def write(self, chunk):
            if self.tell() + len(chunk) > 3000:
                raise OSError(28, "No space left on device")
            return super().write(chunk)

    plain = Path.open
    with monkeypatch.context() as patch:
        patch.setattr(
            Path, "open", lambda self, mode="r", *a, **k: (Full if self == part(data) else plain)(self, mode)
        )
        failed = fetch()
    assert failed.status == 1 and "No space left on device" in failed.last and "make room" in failed.last
    assert waits == [] and 2000 < (kept := part(data).stat().st_size) <= 3000
    server.log.clear()
    assert fetch().status == 0 and server.ranges() == [f"bytes={kept}-"]


def test_no_room_to_unpack_keeps_the_whole_archive(server, fetch, data, monkeypatch):
    archive, usage = download.archive_path("140k", data), archives.shutil.disk_usage
    with monkeypatch.context() as patch:
        patch.setattr(
            archives.shutil, "disk_usage", lambda f: SimpleNamespace(free=9 if archive.exists() else usage(f).free)
        )
        assert "make room" in fetch().last
    server.log.clear()
    assert fetch().status == 0 and server.log == [] and not archive.exists()


def test_interrupted_by_the_user(server, fetch, data, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    server.storage = ["cut 3000"]
    with monkeypatch.context() as patch:
        patch.setattr(download, "sleep", interrupted)
        assert fetch().status == 130
    kept = part(data).stat().st_size
    server.log.clear()
    assert fetch().status == 0 and server.ranges() == [f"bytes={kept}-"]


def test_a_folder_that_cannot_be_made(server, fetch, data):
    data.write_text("a file")
    with pytest.raises(OSError):
        download.download("140k", data)
    assert cli.main(["download", "140k", "--dest", str(data)]) == 1


@pytest.fixture
def shell(server, home, tmp_path):
    """Starts data_download.sh as a user would, but with the server for Kaggle."""
    (tmp_path / "patch").mkdir()
    (tmp_path / "patch" / "sitecustomize.py").write_text(POINT_AT_THE_SERVER)
    environment = os.environ | {"STANDS_FOR_KAGGLE": server.url, "VERBOSE": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path / "patch"), str(ROOT)])
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])

    def start(*arguments):
        command = ["bash", str(ROOT / "data_download.sh"), *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True)

    return start


def test_killed_then_run_again(server, shell, data):
    content = io.BytesIO(server.archives[download.SLUGS["yonsei"]])
    with zipfile.ZipFile(content, "a") as zipped:
        zipped.writestr("filler.csv", os.urandom(300_000))
    server.archives[download.SLUGS["yonsei"]] = content.getvalue()
    server.storage = ["slow"]
    process = shell("yonsei", "--dest", str(data))
    while process.poll() is None and not (part(data, "yonsei").exists() and part(data, "yonsei").stat().st_size):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    output, _ = process.communicate()
    kept = part(data, "yonsei").stat().st_size
    assert kept and not (data / "yonsei").exists()
    server.log.clear()
    process = shell("yonsei", "--dest", str(data))
    output += process.communicate()[0]
    assert process.returncode == 0 and "is ready" in output
    assert server.ranges() == [f"bytes={kept}-"] and len(layouts.build_index(data / "yonsei")) == 8
    assert [secret for secret in SECRETS[:3] if secret in output] == []  # though VERBOSE is set
