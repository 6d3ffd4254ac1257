"""What a file's header says, on files whose making is known."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fakeface_utils.forensics.metadata import IJG_LUMA, jpeg_quality, metadata_table, read_metadata


def picture(width=40, height=24, seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("quality", [1, 30, 49, 50, 51, 58, 75, 90, 95, 100])
def test_quality_of_a_pillow_file_is_recovered(tmp_path, quality):
    picture().save(tmp_path / "a.jpg", quality=quality)
    assert read_metadata(tmp_path / "a.jpg")["quality"] == quality


def test_a_foreign_table_gets_the_nearest_quality():
    table = IJG_LUMA * 20 // 100  # about quality 90, but cut instead of rounded
    assert jpeg_quality(table) in (90, 91)


def test_compression_fields(tmp_path):
    picture().save(tmp_path / "a.jpg", quality=75, subsampling=0, progressive=True)
    picture().save(tmp_path / "b.jpg", quality=75, subsampling=2)
    picture().convert("L").save(tmp_path / "grey.jpg", quality=75)
    picture(seed=1).save(tmp_path / "c.jpg", quality=74, subsampling=1)
    a, b, grey, c = (read_metadata(tmp_path / f"{name}.jpg") for name in ("a", "b", "grey", "c"))
    assert [row["subsampling"] for row in (a, b, grey, c)] == ["4:4:4", "4:2:0", "grey", "4:2:2"]
    assert [row["progressive"] for row in (a, b)] == [True, False]
    assert a["tables"] == b["tables"] != c["tables"]
    assert a["bytes"] == (tmp_path / "a.jpg").stat().st_size
    assert a["bpp"] == pytest.approx(8 * a["bytes"] / (40 * 24))
    assert (a["width"], a["height"], a["mode"], grey["mode"]) == (40, 24, "RGB", "L")


def test_tags(tmp_path):
    exif = Image.Exif()
    exif[0x0131], exif[0x010F], exif[0x0110] = "Editor 7", "Maker", "Model 3"
    exif.get_ifd(0x8769)[0x9003] = "2019:01:14 10:00:00"
    path = tmp_path / "a.jpg"
    picture().save(path, exif=exif, dpi=(300, 300), icc_profile=b"profile", comment=b"hello")
    row = read_metadata(path)
    assert (row["software"], row["camera"], row["date"]) == ("Editor 7", "Maker Model 3", "2019:01:14 10:00:00")
    assert row["exif_tags"] >= 4 and row["dpi"] == 300
    assert row["icc"] and row["comment"] and not row["xmp"] and not row["photoshop"]

    picture().save(path)
    plain = read_metadata(path)
    assert plain["exif_tags"] == 0 and plain["dpi"] == 0 and plain["software"] == plain["date"] == ""
    assert not (plain["icc"] or plain["comment"])

    def segment(marker, payload):
        return bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big") + payload

    data = path.read_bytes()
    photoshop = b"Photoshop 3.0\x008BIM\x04\x04\x00\x00\x00\x00\x00\x00"
    xmp = b"http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta/>"
    path.write_bytes(data[:2] + segment(0xED, photoshop) + segment(0xE1, xmp) + data[2:])
    row = read_metadata(path)
    assert row["photoshop"] and row["xmp"]


def test_format_is_told_by_content(tmp_path):
    picture().save(tmp_path / "a.jpg", format="PNG")
    row = read_metadata(tmp_path / "a.jpg")
    assert row["format"] == "PNG" and row["tables"] == "" and np.isnan(row["quality"])


@pytest.mark.parametrize("content", [b"", b"no image at all", "cut"])
def test_unreadable_files_are_named(tmp_path, content):
    path = tmp_path / "bad.jpg"
    if content == "cut":
        picture().save(path, quality=90)
        content = path.read_bytes()[:60]  # within the quantisation table
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"bad\.jpg .*no image, or its header is cut short"):
        read_metadata(path)
    with pytest.raises(FileNotFoundError):
        read_metadata(tmp_path / "absent.jpg")


def test_table_keeps_order_and_decodes_nothing(tmp_path, monkeypatch):
    paths = []
    for i in range(12):
        paths.append(tmp_path / f"{i}.jpg")
        picture(width=20 + i).save(paths[-1])
    index = pd.DataFrame({"path": [str(p) for p in reversed(paths)]}, index=range(100, 112))
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("pixels were decoded"))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda *_: pytest.fail("pixels were decoded"))
    table = metadata_table(index, workers=3)
    assert list(table["width"]) == list(range(31, 19, -1)) and list(table.index) == list(index.index)
