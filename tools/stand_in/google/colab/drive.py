"""Mounting Drive: a folder on this disk, named by COLAB_STAND_IN_DRIVE, appears where Google's would."""

import os
from pathlib import Path


def mount(mountpoint: str, force_remount: bool = False, timeout_ms: int = 120000, readonly: bool = False) -> None:
    """As Google's: does nothing if it is mounted; refuses a place that has a space in it, is a link or is not empty."""
    place = Path(mountpoint)
    if (place / "MyDrive").is_symlink():
        print(f"Drive already mounted at {mountpoint}")
        return
    if " " in mountpoint or place.is_symlink() or (place.is_dir() and any(place.iterdir())):
        raise ValueError(f"Mountpoint must be an empty folder without spaces in its path: {mountpoint}")
    place.mkdir(parents=True, exist_ok=True)
    (place / "MyDrive").symlink_to(os.environ["COLAB_STAND_IN_DRIVE"], target_is_directory=True)
    (place.parent / "drive-is-at").write_text(mountpoint)
    print(f"Mounted at {mountpoint}")


def flush_and_unmount(timeout_ms: int = 24 * 60 * 60 * 1000) -> None:
    """Take the folder away again; what was written to it stays."""
    note = Path(os.environ["COLAB_STAND_IN_CONTENT"]) / "drive-is-at"
    place = Path(note.read_text())
    (place / "MyDrive").unlink()
    place.rmdir()
    note.unlink()
