"""What a lesson opens: the set it asked for, the usual sample or one with a planted truth."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakeface_utils import config
from fakeface_utils.datasets import testbed
from fakeface_utils.lessons import setup
from tests.conftest import make_140k


@pytest.fixture
def small(tmp_path, monkeypatch):
    specs = {"140k": testbed.SampleSpec("140k", 20, size=32), "yonsei": testbed.SampleSpec("yonsei", 20, size=32)}
    monkeypatch.setattr(testbed, "default_specs", lambda: specs)
    monkeypatch.setattr(config, "sample_dir", lambda: tmp_path / "sample")
    monkeypatch.setenv("FAKEFACE_DATA", str(tmp_path / "none"))


def test_a_planted_truth_has_a_sample_of_its_own(small, capsys):
    usual = setup.open_set("140k", "smoke")
    planted = setup.open_set("140k", "smoke", testbed.Truths(tone_shift=20))
    assert not usual.attrs["evidence"] and not planted.attrs["evidence"]
    assert usual["name"].tolist() == planted["name"].tolist()
    assert set(usual["path"]).isdisjoint(planted["path"])
    fake, real = ((usual["label"] == label).to_numpy() for label in (1, 0))
    same = [
        Path(a).read_bytes() == Path(b).read_bytes() for a, b in zip(usual["path"], planted["path"], strict=True)
    ]
    assert all(np.array(same)[real]) and not any(np.array(same)[fake])  # only the fakes were shifted
    again = setup.open_set("140k", "smoke", testbed.Truths(tone_shift=20))
    assert again["path"].equals(planted["path"])
    assert "testbed: not evidence" in capsys.readouterr().out


def test_real_images_are_never_planted(small, tmp_path, monkeypatch):
    make_140k(tmp_path / "real" / "140k", per_class=2)
    monkeypatch.setenv("FAKEFACE_DATA", str(tmp_path / "real"))
    index = setup.open_set("140k", "laptop", testbed.Truths(tone_shift=20))
    assert index["set"].iloc[0] != "testbed" and str(tmp_path / "real") in index["path"].iloc[0]


@pytest.mark.parametrize("layout", ["140k", "yonsei"])
def test_the_equalised_twin_keeps_splits_groups_and_its_stamp(small, tmp_path, monkeypatch, capsys, layout):
    monkeypatch.setattr(config, "cache_dir", lambda: tmp_path / "cache")
    index = setup.open_split(layout, "smoke")[0]
    capsys.readouterr()
    twin = setup.open_twin(index, 16)
    kept = ["name", "label", "split", "kind", "parts", "group"]
    assert twin[kept].equals(index[kept]) and set(twin["split"]) == {"train", "valid", "test"}
    assert twin.attrs["evidence"] is False and set(twin["set"]) == {"testbed-equalised"}
    assert {Image.open(path).size for path in twin["path"]} == {(16, 16)}
    root = twin.attrs["root"]
    assert Path(root).parent == tmp_path / "cache/equalised"
    said = capsys.readouterr().out
    assert said == f"testbed-equalised: 20 images of 16 x 16 pixels [testbed: not evidence] in {root}\n"


def test_the_twin_of_real_images_is_not_called_a_drawing(tmp_path, monkeypatch, capsys):
    make_140k(tmp_path / "140k", per_class=2)
    monkeypatch.setenv("FAKEFACE_DATA", str(tmp_path))
    monkeypatch.setattr(config, "cache_dir", lambda: tmp_path / "cache")
    twin = setup.open_twin(setup.open_set("140k", "laptop"), 16)
    assert twin.attrs["evidence"] is True
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2 and "140k-part-equalised: 12 images" in said[1] and "testbed" not in said[1]
