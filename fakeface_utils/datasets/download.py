"""Fetching a set from Kaggle: signed in, resumed where it broke off, checked, unpacked and verified.

The official ``kaggle`` client signs in and says where the archive lies; the bytes are streamed here. Its own
``dataset_download_files`` writes under the final name from the first byte, tries a full disk again for a
minute, saves an error page as the archive when that answers a resume, gives up when the first answer is 429
or 5xx, and (before 2.2, so in Colab) appends a whole second copy where a server ignores Range.
"""

from __future__ import annotations

import io
import os
import sys
import zipfile
import zlib
from contextlib import redirect_stdout
from email.utils import parsedate_to_datetime
from importlib.util import find_spec
from pathlib import Path
from time import sleep, time

from tqdm import tqdm

from fakeface_utils.datasets import archives
from fakeface_utils.datasets.archives import DataError
from fakeface_utils.datasets.verify import Verification

SLUGS = {"140k": "xhlulu/140k-real-and-fake-faces", "yonsei": "ciplab/real-and-fake-face-detection"}
WAITS = (2, 5, 15, 40)  # seconds between tries; a try that brought new bytes starts the row again
LONGEST_WAIT = 300  # asked to wait longer than this, say so instead of sitting there
_TIMEOUT = (15, 60)  # seconds to connect, and without a single byte
_CHUNK = 1 << 16  # bytes

AGAIN = "run the same command again"
NO_TOKEN = (
    "no Kaggle token: make one (kaggle.com, Settings, API) and give it in one of three ways: in the environment "
    "as KAGGLE_API_TOKEN (or KAGGLE_USERNAME and KAGGLE_KEY), in the file ~/.kaggle/access_token (or kaggle.json), "
    "or, in a cell of a Colab notebook, as a secret named KAGGLE_API_TOKEN"
)
WRONG_TOKEN = "Kaggle does not accept the token (401): make a new one (kaggle.com, Settings, API) and give that"


class _TryAgain(Exception):
    """A failure that may pass; holds what to say, what to do, and the wait the server asks for, if any."""

    def __init__(self, what: str, advice: str = "check the network", wait: float = 0):
        super().__init__(what)
        self.advice, self.wait = advice, wait


def download(layout: str, data_dir: str | Path, *, keep_archive: bool = False) -> tuple[Path, Verification]:
    """Bring a set from Kaggle to ``data_dir/<layout>``, checked; a second call goes on where the first broke off.

    What has arrived is kept in ``data_dir/.downloads`` as ``<layout>.zip.part``, and named ``<layout>.zip``
    once every file in it has the right checksum. Credentials are those the ``kaggle`` client finds, or Colab
    secrets named KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY.

    Args:
        layout: ``"140k"`` or ``"yonsei"``.
        data_dir: where the sets are kept; made if missing.
        keep_archive: leave the zip in ``data_dir/.downloads`` after unpacking; the next call takes it from there.

    Returns:
        The set's folder and what the verification found, as ``archives.import_zip``.

    Raises:
        DataError: the set is already there, no token or a wrong one, terms not accepted, no room, or Kaggle
            out of reach after several tries; the text says what to do. All that ``import_zip`` raises.
        OSError: ``data_dir`` cannot be written to.
    """
    if layout not in SLUGS:
        raise DataError(f"Kaggle has no set {layout!r} for this course; choose one of {', '.join(SLUGS)}")
    final = Path(data_dir) / layout
    if final.exists():
        raise DataError(f"{final} is already there, nothing was downloaded; move it away, or give another --dest")
    archive = archive_path(layout, data_dir)
    archive.parent.mkdir(parents=True, exist_ok=True)
    if not (archive.exists() and _is_whole(archive)):
        if find_spec("kaggle") is None:  # it brings requests and urllib3 with it
            raise DataError("the kaggle client is missing: run `make course`, or `pip install kaggle`")
        _bring(layout, archive)
    found = archives.import_zip(archive, data_dir)
    if not keep_archive:
        archive.unlink()
    return found


def archive_path(layout: str, data_dir: str | Path) -> Path:
    """Where a set's archive lies once it is whole."""
    return Path(data_dir) / ".downloads" / f"{layout}.zip"


def _bring(layout: str, archive: Path) -> None:
    part = archive.with_name(f"{archive.name}.part")
    for _ in range(2):  # a part of which some bytes are wrong cannot be mended, only fetched anew
        _fetch(layout, part)
        if _is_whole(part):
            part.replace(archive)
            _mark(part).unlink(missing_ok=True)
            return
        part.unlink()
    raise DataError(
        f"the archive of {layout} arrived damaged twice and was thrown away; {AGAIN} later, or download "
        f"kaggle.com/datasets/{SLUGS[layout]} with a browser and use --from-zip"
    )


def _is_whole(archive: Path) -> bool:
    try:
        with zipfile.ZipFile(archive) as zipped:
            for member in tqdm(zipped.infolist(), desc="check", unit=" files"):
                with zipped.open(member) as file:
                    while file.read(_CHUNK):  # raises at the member's end if its checksum is wrong
                        pass
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError):
        return False
    return True


def _fetch(layout: str, part: Path) -> None:
    """Bring ``part`` to its full length, over as many tries as it takes while they get further."""
    failures, furthest = 0, _size(part)
    while True:
        try:
            return _attempt(layout, part)
        except _TryAgain as error:
            if _size(part) > furthest:
                failures, furthest = 0, _size(part)
            if failures == len(WAITS) or error.wait > LONGEST_WAIT:
                advice = f"wait {error.wait / 60:.0f} minutes" if error.wait > LONGEST_WAIT else error.advice
                raise DataError(f"{error}: {advice} and {AGAIN}, {_megabytes(part)} are kept") from None
            pause = max(error.wait, WAITS[failures])
            print(f"{error}; next try in {pause:.0f} s", file=sys.stderr)
        sleep(pause)
        failures += 1


def _attempt(layout: str, part: Path) -> None:
    """Ask once for what is missing of ``part`` and add what comes."""
    from urllib3.exceptions import HTTPError

    have = _size(part)
    with _ask(layout, part, have) as response:
        if response.status_code == 416:  # nothing comes after what is here; the check of the zip has the last word
            return
        # 200 after a Range: it was ignored, or the archive has changed since, so the whole of it comes.
        start = have if response.status_code == 206 else 0
        total = start + int(response.headers.get("Content-Length", 0))
        # The archive, and as much again for its unpacked images.
        archives.check_room(part.parent, 2 * total - have, f"the {layout} set")
        bar = tqdm(total=total or None, initial=start, desc="download", unit="B", unit_scale=True)
        try:
            _mark(part).write_text(response.headers.get("ETag", ""))
            with bar, part.open("ab" if start else "wb") as file:
                # Not iter_content: it throws away what came of the chunk in which the connection breaks off.
                while chunk := response.raw.read(_CHUNK, decode_content=False):
                    file.write(chunk)
                    bar.update(len(chunk))
        except HTTPError:
            raise _TryAgain(f"the connection broke off at {_megabytes(part)}") from None
        except OSError as error:
            raise DataError(
                f"writing {part} failed ({error.strerror}): make room and {AGAIN}, {_megabytes(part)} are kept"
            ) from error


def _ask(layout: str, part: Path, have: int):
    """Kaggle's answer to a request for the archive from byte ``have`` on: status 200, 206 or 416."""
    import requests

    # No error of the client is chained to ours: its text may hold the token or the signed address.
    try:
        located = _locate(*SLUGS[layout].split("/"))
        if not located.history:  # Kaggle sent the archive itself instead of its address
            return located
        located.close()  # asked again with Range and a time limit, which the client does not set
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
            if _size(_mark(part)):  # then send the rest only if it is of the same archive, else all of it
                headers["If-Range"] = _mark(part).read_text()
        response = requests.get(located.url, headers=headers, stream=True, timeout=_TIMEOUT)
    except requests.HTTPError as error:
        response = error.response
        if not response.history:
            raise _judge(response, layout) from None
    except requests.RequestException as error:
        raise _TryAgain(f"no connection to Kaggle ({type(error).__name__})") from None
    except DataError:
        raise
    except ValueError:  # of http.client, which will not send such a header
        raise DataError("the Kaggle token holds a line break or a quotation mark: copy it again, alone") from None
    begins = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
    if response.status_code in (200, 416) or (response.status_code == 206 and begins):
        return response
    response.close()  # no verdict on the token or the terms: the address is signed for a while only
    raise _TryAgain(f"Kaggle's file server answers {response.status_code}", "wait a little", _retry_after(response))


def _locate(owner: str, name: str):
    """The client's answer for a set's newest archive, body not read: its ``url`` is the signed address."""
    api = _sign_in()
    from kagglesdk.datasets.types.dataset_api_service import ApiDownloadDatasetRequest

    request = ApiDownloadDatasetRequest()
    request.owner_slug, request.dataset_slug = owner, name
    with redirect_stdout(io.StringIO()), api.build_kaggle_client() as kaggle:
        return kaggle.datasets.dataset_api_client.download_dataset(request)


def _sign_in():
    """The client, signed in. What it prints is thrown away: it may show the token when VERBOSE is set."""
    hint = _take_colab_secrets()
    try:
        with redirect_stdout(io.StringIO()):
            from kaggle import api  # here and not above: without a token, older versions end the process

            api.args = [argument for argument in api.args if argument != "--verbose"]  # would read all into memory
            api.authenticate()
    except SystemExit:
        from kagglesdk import get_access_token_from_env

        raise DataError(WRONG_TOKEN if get_access_token_from_env()[0] else NO_TOKEN + hint) from None
    return api


def _take_colab_secrets() -> str:
    """Colab secrets into the environment, where the client looks; returns what to add when there is no token."""
    pair = ("KAGGLE_USERNAME", "KAGGLE_KEY")
    if os.environ.get("KAGGLE_API_TOKEN") or all(map(os.environ.get, pair)):
        return ""
    try:
        from google.colab import userdata
    except ImportError:
        return ""
    hint = ""
    for names in (("KAGGLE_API_TOKEN",), pair):  # apart: the first one missing must not hide the others
        try:
            os.environ.update({name: userdata.get(name).strip() for name in names})
            return ""
        except Exception as error:  # its own three, and an AttributeError in a process that is no notebook
            if type(error).__name__ == "NotebookAccessError":
                hint = "; there is such a secret, but its switch for this notebook is off"
            if type(error).__name__ == "TimeoutException":
                break
    return hint


def _judge(response, layout: str) -> Exception:
    """What an error status of Kaggle's API means: a DataError where only the user can help, else a _TryAgain."""
    status, page = response.status_code, f"kaggle.com/datasets/{SLUGS[layout]}"
    if status == 429:
        return _TryAgain("Kaggle asks for fewer requests (429)", "wait a few minutes", _retry_after(response))
    if status == 408 or status >= 500:
        return _TryAgain(f"Kaggle has trouble of its own ({status})", "wait a few minutes", _retry_after(response))
    if status == 401:
        return DataError(WRONG_TOKEN)
    if status == 403:
        return DataError(f"Kaggle refuses the set (403): sign in, open {page}, accept its terms, and {AGAIN}")
    return DataError(f"Kaggle answers {status} for {page}: look there with a browser, then use --from-zip")


def _retry_after(response) -> float:
    value = response.headers.get("Retry-After", "")
    try:
        return float(value) if value.isdigit() else max(0.0, parsedate_to_datetime(value).timestamp() - time())
    except ValueError:
        return 0.0


def _mark(part: Path) -> Path:
    """Beside a part, what tells its archive from a later one of the same name (see If-Range)."""
    return part.with_suffix(".version")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _megabytes(path: Path) -> str:
    return f"{_size(path) / 1e6:,.1f} MB"
