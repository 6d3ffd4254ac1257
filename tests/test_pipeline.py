"""Batches: order, shuffling, augmentation after the cache, the six-fold copies of report 001."""

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from fakeface_utils.datasets import augment, pipeline  # noqa: E402


@pytest.fixture
def images():
    """Ten 4 x 4 images; every pixel of image i is i."""
    return np.broadcast_to(np.arange(10, dtype=np.uint8)[:, None, None, None], (10, 4, 4, 3))


def seen(dataset) -> list[int]:
    return [int(image[0, 0, 0]) for batch, _ in dataset for image in batch.numpy()]


def test_without_a_seed_the_order_is_kept_and_nothing_is_lost(images):
    data = pipeline.batches(images, np.arange(10), batch_size=4)
    assert seen(data) == list(range(10))
    sizes = [len(batch) for batch, _ in data]
    assert sizes == [4, 4, 2]


def test_labels_stay_with_their_images_when_shuffled(images):
    for batch, labels in pipeline.batches(images, np.arange(10), batch_size=3, shuffle_seed=1):
        assert labels.shape[1:] == (1,)
        np.testing.assert_array_equal(batch[:, 0, 0, 0], labels[:, 0])


def test_shuffling_is_whole_new_each_epoch_and_repeatable(images):
    data = pipeline.batches(images, np.arange(10), batch_size=4, shuffle_seed=1)
    first, second = seen(data), seen(data)
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second and first != list(range(10))
    again = pipeline.batches(images, np.arange(10), batch_size=4, shuffle_seed=1)
    assert seen(again) == first
    other = pipeline.batches(images, np.arange(10), batch_size=4, shuffle_seed=2)
    assert seen(other) != first


def test_values_stay_0_to_255_float32_with_known_shape(images):
    data = pipeline.batches(images + np.uint8(246), batch_size=5)
    spec = data.element_spec
    assert spec.shape.as_list() == [None, 4, 4, 3] and spec.dtype == tf.float32
    assert max(float(tf.reduce_max(batch)) for batch in data) == 255.0


def test_augmentation_runs_after_the_cache_and_anew_each_epoch(images):
    def shift(batch, seed):
        return batch + tf.random.stateless_uniform([tf.shape(batch)[0], 1, 1, 1], seed)

    tf.random.set_seed(0)  # the state that made tf.image.random_... repeat itself every epoch
    data = pipeline.batches(images, batch_size=5, augment=shift)
    first, second = (np.concatenate([batch.numpy() for batch in data]) for _ in range(2))
    assert len(np.unique(np.concatenate([first, second]) % 1)) == 20  # every image, every epoch its own
    again = np.concatenate([batch.numpy() for batch in pipeline.batches(images, batch_size=5, augment=shift)])
    np.testing.assert_array_equal(again, first)
    np.testing.assert_array_equal(np.floor(first), images)


def test_six_fold_is_report_001s(images):
    image = np.random.default_rng(0).integers(60, 190, (2, 6, 6, 3)).astype(np.float32)
    copies = augment.six_fold(image).numpy()
    assert copies.shape == (14, 6, 6, 3) and copies.min() >= 0 and copies.max() <= 255
    named = dict(zip(("same", *augment.SIX_FOLD), copies.reshape(7, 2, 6, 6, 3), strict=True))
    np.testing.assert_array_equal(named["same"], image)
    np.testing.assert_array_equal(named["flip_left_right"], image[:, :, ::-1])
    np.testing.assert_array_equal(named["flip_up_down"], image[:, ::-1])
    np.testing.assert_array_equal(named["rot90"], np.rot90(image, axes=(1, 2)))
    shift = named["brightness"] - image
    assert shift.std(axis=(1, 2, 3)).max() < 1e-3 and abs(shift[0].mean() - shift[1].mean()) > 1e-3
    mean = image.mean(axis=(1, 2), keepdims=True)
    ratio = (named["contrast"] - mean) / (image - mean)
    assert np.allclose(ratio[0], ratio[0].mean(), atol=1e-2) and 0.5 <= ratio[0].mean() <= 1.5
    assert not np.allclose(named["saturation"], image)
    np.testing.assert_allclose(named["saturation"].max(axis=-1), image.max(axis=-1), rtol=1e-4)  # HSV keeps V
    np.testing.assert_array_equal(copies, augment.six_fold(image).numpy())


def test_the_shapes_that_report_001_prints():
    """Table 2: 9513 and 1197 images from 1359 and 171."""
    assert 7 * 1359 == 9513 and 7 * 171 == 1197
    assert len(augment.six_fold(np.zeros((171, 2, 2, 3), np.float32))) == 1197


def test_random_flip_flips_about_half():
    image = np.zeros((200, 2, 2, 1), np.float32)
    image[:, :, 0] = 1
    flipped = augment.random_flip(tf.constant(image), tf.constant([1, 2])).numpy()[:, 0, 1, 0]
    assert 60 < flipped.sum() < 140


def epochs_of(images, first, n, **options):
    """The numbers of the images in each of n epochs of four batches, as an endless data set gives them."""
    data = pipeline.endless(images, np.arange(10), batch_size=3, first_epoch=first, **options)
    found = [int(image[0, 0, 0]) for batch, _ in data.take(4 * n) for image in batch.numpy()]
    return [found[10 * k : 10 * (k + 1)] for k in range(n)]


def test_an_endless_set_gives_whole_epochs_in_an_order_of_seed_and_epoch(images):
    assert pipeline.steps(10, 3) == 4 and pipeline.steps(9, 3) == 3
    four = epochs_of(images, 0, 4, seed=1)
    assert all(sorted(epoch) == list(range(10)) for epoch in four)
    assert len({tuple(epoch) for epoch in [*four, range(10)]}) == 5
    assert epochs_of(images, 2, 2, seed=1) == four[2:] and epochs_of(images, 0, 4, seed=2) != four
    sizes = [len(batch) for batch, _ in pipeline.endless(images, np.arange(10), seed=1, batch_size=3).take(8)]
    assert sizes == [3, 3, 3, 1] * 2


def test_an_endless_sets_labels_and_changes_follow_the_epoch_too(images):
    def shift(batch, seed):
        return batch + tf.random.stateless_uniform([tf.shape(batch)[0], 1, 1, 1], seed)

    def drawn(first, n):
        data = pipeline.endless(images, np.arange(10), seed=1, batch_size=4, first_epoch=first, augment=shift)
        batches = list(data.take(3 * n))
        for batch, labels in batches:
            np.testing.assert_array_equal(np.floor(batch[:, 0, 0, 0]), labels[:, 0])
        return np.concatenate([batch[:, 0, 0, 0] for batch, _ in batches])

    three = drawn(0, 3)
    assert len(np.unique(three % 1)) == 30
    np.testing.assert_array_equal(drawn(1, 2), three[10:])


def test_rows_are_a_part_without_a_copy(images):
    part = pipeline.Rows(images, np.array([7, 2, 5]))
    assert len(part) == 3 and part.shape == (3, 4, 4, 3)
    assert seen(pipeline.batches(part, np.zeros(3), batch_size=2)) == [7, 2, 5]


def test_every_gpu_gets_an_image_in_the_last_batch_too():
    for n_images in range(1, 60):
        for replicas in (1, 2, 3, 8):
            size = pipeline.shared(n_images, 16, replicas)
            good = [
                s for s in range(1, 17) if s % replicas == 0 and (n_images % s == 0 or n_images % s >= replicas)
            ]
            assert size == max(good, default=16)
