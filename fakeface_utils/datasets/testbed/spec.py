"""What to draw: a sample's size and seed, and the truths planted in it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .attributes import draw_attributes

LAYOUTS = {"140k": (1, 256), "yonsei": (2, 600)}  # code for the random streams, usual edge in pixels


@dataclass(frozen=True)
class Truths:
    """Switches that plant or remove a truth. The defaults give the ordinary testbed.

    Attributes:
        tone_shift: grey levels added to every fake (140k), -64..64.
        checkerboard: grey levels of a pattern of 2 x 2 pixel squares, in a disc anywhere on each fake (140k),
            0..64. Sign, phase and place change from image to image, so that no single pixel carries it. Files grow
            with it.
        glasses_hide: fakes that wear glasses carry no trace at all (140k), so that a good detector errs only there.
        fake_table: share of the fakes saved with another JPEG quantisation table, 0..1.
        duplicates: pairs of one picture under two names, across splits (140k) or among the real photos (Yonsei);
            by turns exact copies and re-encoded ones.
        shared_base: share of the fakes made from a photo that is also in the real folder (Yonsei), 0..1.
        generator: fakes go through the generator; False sends them through the camera like the real ones (140k).
        null: real and fake are exchangeable and nothing may be found; no other truth is planted.
        held: attributes that all portraits share, as ``(("glasses", "none"), ...)`` (140k). With all held but one,
            every picture shows the same person, and the one has the shares of ``attributes.CHOICES``.
    """

    tone_shift: int = 0
    checkerboard: int = 0
    glasses_hide: bool = False
    fake_table: float = 0.0
    duplicates: int = 0
    shared_base: float = 0.25
    generator: bool = True
    null: bool = False
    held: tuple[tuple[str, object], ...] = ()

    def __post_init__(self) -> None:
        for name, low, high in (("tone_shift", -64, 64), ("checkerboard", 0, 64), ("duplicates", 0, 10_000)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise ValueError(f"{name} must be a whole number in {low}..{high}, not {value!r}")
        for name in ("fake_table", "shared_base"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share and must lie in 0..1, not {getattr(self, name)!r}")
        draw_attributes(np.random.default_rng(0), **dict(self.held))  # says which of them it does not know
        planted = self.tone_shift or self.checkerboard or self.fake_table
        if self.null and (planted or self.glasses_hide or self.duplicates):
            raise ValueError("in a null set nothing may be found: no other truth can be planted in it")
        if self.glasses_hide and not (planted or self.generator):
            raise ValueError(
                "glasses_hide needs a trace to hide: a generator, tone_shift, checkerboard or fake_table"
            )


@dataclass(frozen=True)
class SampleSpec:
    """One sample, fully determined.

    Attributes:
        layout: ``140k`` or ``yonsei``.
        n_images: files to draw; 140k splits them evenly into real and fake, Yonsei as 1081/240/480/240.
        size: edge in pixels, 0 for the layout's own (256 or 600).
        seed: seeds every random stream.
        truths: what is planted.
        shares: train, valid and test share (140k).
    """

    layout: str = "140k"
    n_images: int = 1000
    size: int = 0
    seed: int = 0
    truths: Truths = field(default_factory=Truths)
    shares: tuple[float, float, float] = (0.70, 0.15, 0.15)

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise ValueError(f"layout {self.layout!r} is not one of {sorted(LAYOUTS)}")
        if not self.size:
            object.__setattr__(self, "size", LAYOUTS[self.layout][1])
        if self.size % 2 or not 16 <= self.size <= 2048:
            raise ValueError(f"size must be an even number of pixels in 16..2048, not {self.size}")
        if not 20 <= self.n_images <= 100_000:
            raise ValueError(f"n_images must lie in 20..100000, not {self.n_images}")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, but is {self.seed}")
        object.__setattr__(self, "shares", tuple(self.shares))
        if len(self.shares) != 3 or min(self.shares) <= 0 or abs(sum(self.shares) - 1) > 1e-9:
            raise ValueError(f"shares must be three positive numbers that add up to 1, not {self.shares}")
        t = self.truths
        of_140k = t.tone_shift or t.checkerboard or t.glasses_hide or t.held or not t.generator
        if self.layout == "yonsei" and of_140k:
            raise ValueError(
                "tone_shift, checkerboard, glasses_hide, held and generator=False belong to the 140k layout"
            )
        if t.duplicates > self.n_images // 20:
            raise ValueError(f"{t.duplicates} duplicate pairs need at least {20 * t.duplicates} images")


def default_specs(seed: int = 0) -> dict[str, SampleSpec]:
    """The sample that ``fakeface sample`` draws, by layout: what the lessons fall back on.

    The Yonsei kind carries what the real set was found to have: a quarter of the fakes with another JPEG table,
    a quarter made from a photo that is also in the real folder. Either kind has a few pictures twice.
    """
    return {
        "140k": SampleSpec("140k", 600, seed=seed, truths=Truths(duplicates=4)),
        "yonsei": SampleSpec("yonsei", 240, seed=seed, truths=Truths(fake_table=0.25, duplicates=2)),
    }
