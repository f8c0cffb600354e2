"""Corruption: how many labels, which labels, which pixels; and nothing that was handed in changes."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.data.corruption import (
    check_noise_matrix,
    fixed_clean,
    gaussian_pixels,
    pair_flip_noise,
    random_labels,
    random_pixels,
    redrawn_noise,
    relabel,
    shuffle_pixels,
    symmetric_noise,
    systematic_labels,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def true_labels(n, classes=10, seed=5):
    return torch.randint(classes, (n,), generator=generator(seed))


def pictures(n=6, channels=3, height=4, width=5):
    """Return images whose first channel tells the position of a pixel, and the others what stands there."""
    place = torch.arange(height * width, dtype=torch.uint8).view(1, height, width)
    images = torch.cat([place + 20 * channel for channel in range(channels)])
    return images.expand(n, -1, -1, -1).contiguous()


seeds = st.integers(0, 2**31)
shares = st.floats(0, 1)
class_counts = st.integers(2, 12)


def within(count, n, probability):
    """Whether a binomial count is within five standard deviations (and one, for rounding) of its mean."""
    return abs(count - n * probability) <= 5 * math.sqrt(n * probability * (1 - probability)) + 1


@settings(max_examples=60, deadline=None)
@given(n=st.integers(0, 300), fraction=shares, classes=class_counts, seed=seeds)
def test_exactly_the_rounded_fraction_of_the_rows_is_re_drawn_and_the_others_keep_their_label(
    n, fraction, classes, seed
):
    labels = true_labels(n, classes)
    given_, corrupted = random_labels(labels, fraction, classes=classes, generator=generator(seed))
    assert int(corrupted.sum()) == round(fraction * n)
    assert torch.equal(given_[~corrupted], labels[~corrupted])
    assert n == 0 or (int(given_.min()) >= 0 and int(given_.max()) < classes)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_the_true_class_is_drawn_as_often_as_any_other(classes):
    n = 20_000
    labels = true_labels(n, classes)
    given_, corrupted = random_labels(labels, 0.5, classes=classes, generator=generator())
    shift = (given_ - labels)[corrupted] % classes
    assert all(within(int((shift == s).sum()), n / 2, 1 / classes) for s in range(classes))
    # hence only this share of all labels changes
    changed = int((given_ != labels).sum())
    assert within(changed, n / 2, (classes - 1) / classes)


def test_every_row_is_as_likely_as_another_to_be_re_drawn():
    labels, hits, runs = true_labels(20), torch.zeros(20), 400
    for seed in range(runs):
        hits += random_labels(labels, 0.3, classes=10, generator=generator(seed)).corrupted
    assert all(within(int(count), runs, 0.3) for count in hits)


@settings(max_examples=60, deadline=None)
@given(classes=class_counts, rate=shares)
def test_the_matrices_are_row_stochastic_and_keep_the_labels_they_say(classes, rate):
    kept = {
        symmetric_noise: 1 - rate,
        pair_flip_noise: 1 - rate,
        redrawn_noise: 1 - rate + rate / classes,
    }
    for noise, share in kept.items():
        matrix = noise(classes, rate)
        assert matrix.shape == (classes, classes)
        assert matrix.dtype == torch.float64
        check_noise_matrix(matrix)
        assert torch.allclose(matrix.diagonal(), torch.tensor(share, dtype=torch.float64))


def test_a_flipped_pair_is_a_class_and_the_next_one():
    matrix = pair_flip_noise(4, 0.25)
    assert matrix.tolist() == [
        [0.75, 0.25, 0, 0],
        [0, 0.75, 0.25, 0],
        [0, 0, 0.75, 0.25],
        [0.25, 0, 0, 0.75],
    ]


@given(classes=class_counts, fraction=shares)
def test_re_drawing_is_symmetric_noise_at_the_rate_at_which_labels_change(classes, fraction):
    rate = fraction * (classes - 1) / classes
    assert torch.allclose(redrawn_noise(classes, fraction), symmetric_noise(classes, rate))


@settings(max_examples=20, deadline=None)
@given(classes=st.integers(2, 5), seed=seeds)
def test_labels_are_given_as_often_as_any_matrix_says(classes, seed):
    weights = torch.rand(classes, classes, dtype=torch.float64, generator=generator(seed))
    weights[0, -1] = 0
    matrix, n = weights / weights.sum(1, keepdim=True), 2000
    labels = torch.arange(classes).repeat_interleave(n)
    given_, corrupted = relabel(labels, matrix, generator=generator(seed + 1))
    assert torch.equal(corrupted, given_ != labels)
    for i in range(classes):
        counts = torch.bincount(given_[labels == i], minlength=classes)
        assert all(within(int(counts[j]), n, float(matrix[i, j])) for j in range(classes))
    assert not ((labels == 0) & (given_ == classes - 1)).any()


def test_the_identity_matrix_changes_nothing_and_a_certain_flip_everything():
    labels = true_labels(100, 4)
    same = relabel(labels, torch.eye(4), generator=generator())
    assert torch.equal(same.labels, labels)
    assert not same.corrupted.any()
    flipped = relabel(labels, pair_flip_noise(4, 1.0), generator=generator())
    assert torch.equal(flipped.labels, (labels + 1) % 4)
    assert flipped.corrupted.all()


@settings(max_examples=40, deadline=None)
@given(keep=st.sets(st.integers(0, 9), min_size=1, max_size=10), seed=seeds)
def test_systematic_noise_touches_the_other_classes_wholly_and_the_kept_ones_not_at_all(keep, seed):
    labels = true_labels(200)
    given_, corrupted = systematic_labels(labels, keep=sorted(keep), generator=generator(seed))
    assert corrupted.tolist() == [label not in keep for label in labels.tolist()]
    assert torch.equal(given_[~corrupted], labels[~corrupted])
    assert set(given_.tolist()) <= keep


def test_systematic_noise_draws_each_kept_class_equally_often():
    labels = torch.full((9000,), 7)
    counts = torch.bincount(systematic_labels(labels, keep=(0, 1, 2), generator=generator()).labels)
    assert len(counts) == 3
    assert all(within(int(count), 9000, 1 / 3) for count in counts)


@pytest.mark.parametrize(
    ("percent", "size"), [(5, 26316), (10, 27778), (20, 31250), (30, 35714), (40, 41667), (50, 50000)]
)
def test_25_000_clean_labels_make_the_sizes_of_the_report(percent, size):
    drawn = fixed_clean(
        true_labels(50_000), clean=25_000, fraction=percent / 100, classes=10, generator=generator()
    )
    assert len(drawn.rows) == len(drawn.labels) == len(drawn.corrupted) == size
    assert int((~drawn.corrupted).sum()) == 25_000


@settings(max_examples=40, deadline=None)
@given(clean=st.integers(1, 50), fraction=st.floats(0, 0.5), seed=seeds)
def test_clean_rows_keep_their_label_and_no_row_comes_twice(clean, fraction, seed):
    labels = true_labels(100)
    rows, given_, corrupted = fixed_clean(
        labels, clean=clean, fraction=fraction, classes=10, generator=generator(seed)
    )
    assert len(rows.unique()) == len(rows)
    assert int((~corrupted).sum()) == clean
    assert torch.equal(given_[~corrupted], labels[rows][~corrupted])


def test_the_clean_rows_are_the_same_for_every_fraction():
    less, more = (
        fixed_clean(true_labels(100), clean=40, fraction=share, classes=10, generator=generator(3))
        for share in (0.2, 0.5)
    )
    assert torch.equal(less.rows[~less.corrupted], more.rows[~more.corrupted])
    assert torch.equal(more.rows[: len(less.rows)], less.rows)


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_one_permutation_for_all_images_can_be_undone(seed):
    images = torch.randint(256, (5, 3, 4, 5), dtype=torch.uint8, generator=generator(seed))
    shuffled = shuffle_pixels(images, generator=generator(seed))
    came_from = shuffle_pixels(pictures(1, 1), generator=generator(seed)).flatten().long()
    undone = torch.empty_like(images.flatten(2))
    undone[:, :, came_from] = shuffled.flatten(2)
    assert torch.equal(undone.reshape(images.shape), images)


@pytest.mark.parametrize("each", [False, True])
def test_the_channels_of_a_pixel_move_together_and_no_pixel_is_lost(each):
    shuffled = shuffle_pixels(pictures(), generator=generator(), each=each)
    place = shuffled[:, 0].flatten(1)
    assert torch.equal(place.sort(dim=1).values, torch.arange(20, dtype=torch.uint8).expand(6, -1))
    assert torch.equal(shuffled[:, 1].flatten(1), place + 20)
    assert torch.equal(shuffled[:, 2].flatten(1), place + 40)


def test_images_have_one_permutation_or_each_its_own():
    one = shuffle_pixels(pictures(2100), generator=generator())
    assert (one == one[0]).all()
    own = shuffle_pixels(pictures(2100), generator=generator(), each=True)
    assert len(own[:, 0].flatten(1).unique(dim=0)) == 2100


def test_each_position_is_as_likely_as_another_where_every_image_has_its_own_permutation():
    n = 4000
    first = shuffle_pixels(pictures(n), generator=generator(), each=True)[:, 0, 0, 0]
    assert all(within(int((first == place).sum()), n, 1 / 20) for place in range(20))


def test_random_pixels_are_uniform_bytes():
    images = pictures(40, 3, 10, 10)
    drawn = random_pixels(images, generator=generator())
    assert drawn.shape == images.shape
    assert drawn.dtype == torch.uint8
    counts = torch.bincount(drawn.flatten().long(), minlength=256)
    assert all(within(int(count), drawn.numel(), 1 / 256) for count in counts)


def test_gaussian_pixels_have_each_channels_mean_and_deviation():
    channels = torch.tensor([60.0, 120.0, 180.0])[:, None, None]
    noise = torch.randn(3000, 3, 4, 4, generator=generator())
    images = (channels + 15 * noise).round().clamp(0, 255).to(torch.uint8)
    drawn = gaussian_pixels(images, generator=generator(1))
    assert drawn.shape == images.shape
    assert drawn.dtype == torch.uint8
    n = 3000 * 16
    for channel in range(3):
        mine, theirs = drawn[:, channel].double(), images[:, channel].double()
        assert abs(mine.mean() - theirs.mean()) < 5 * 15 / math.sqrt(n)
        assert abs(mine.std() - theirs.std()) < 5 * 15 / math.sqrt(2 * n)
    # neighbours tell nothing of one another
    beside = torch.corrcoef(torch.stack([drawn[:, 0, 0, 0].double(), drawn[:, 0, 0, 1].double()]))[0, 1]
    assert abs(beside) < 5 / math.sqrt(3000)


def test_gaussian_pixels_of_one_colour_are_that_colour():
    images = torch.full((3, 1, 2, 2), 77, dtype=torch.uint8)
    assert torch.equal(gaussian_pixels(images, generator=generator()), images)


LABELS, IMAGES = true_labels(60), pictures()
EVERYTHING = {
    "random_labels": lambda g: random_labels(LABELS, 0.5, classes=10, generator=g),
    "relabel": lambda g: relabel(LABELS, symmetric_noise(10, 0.5), generator=g),
    "systematic_labels": lambda g: systematic_labels(LABELS, keep=(0, 1), generator=g),
    "fixed_clean": lambda g: fixed_clean(LABELS, clean=20, fraction=0.5, classes=10, generator=g),
    "shuffle_pixels": lambda g: (shuffle_pixels(IMAGES, generator=g),),
    "shuffle_pixels, each": lambda g: (shuffle_pixels(IMAGES, generator=g, each=True),),
    "random_pixels": lambda g: (random_pixels(IMAGES, generator=g),),
    "gaussian_pixels": lambda g: (gaussian_pixels(IMAGES, generator=g),),
}


@pytest.mark.parametrize("make", EVERYTHING.values(), ids=EVERYTHING)
def test_the_same_seed_gives_the_same_and_another_one_something_else(make):
    once, again, other = make(generator(1)), make(generator(1)), make(generator(2))
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(once, other, strict=True))


@pytest.mark.parametrize("make", EVERYTHING.values(), ids=EVERYTHING)
def test_what_is_handed_in_stays_as_it_was_and_shares_no_memory_with_the_result(make):
    labels, images = LABELS.clone(), IMAGES.clone()
    for part in make(generator()):
        part.zero_()
    assert torch.equal(LABELS, labels)
    assert torch.equal(IMAGES, images)


def test_nothing_to_corrupt_is_still_a_copy():
    labels = true_labels(20)
    random_labels(labels, 0.0, classes=10, generator=generator()).labels.zero_()
    systematic_labels(labels, keep=range(10), generator=generator()).labels.zero_()
    assert labels.any()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda g: random_labels(LABELS, 30, classes=10, generator=g), r"fraction is 30, .* in \[0, 1\]"),
        (lambda g: random_labels(LABELS, 0.3, classes=5, generator=g), "labels are 0 to 9, .* 0 to 4"),
        (lambda g: random_labels(LABELS, 0.3, classes=1, generator=g), "classes is 1"),
        (lambda g: random_labels(LABELS.float(), 0.3, classes=10, generator=g), "must be int64"),
        (lambda g: relabel(LABELS, torch.eye(10)[:5], generator=g), r"must be \(classes, classes\)"),
        (lambda g: relabel(LABELS, torch.ones(10, 10), generator=g), "Row 0 of matrix sums to 10.0"),
        (lambda g: relabel(LABELS, torch.eye(10) * -1, generator=g), "no probability"),
        (lambda _: symmetric_noise(10, 1.5), "rate is 1.5"),
        (lambda _: pair_flip_noise(1, 0.5), "classes is 1"),
        (lambda _: redrawn_noise(10, -0.1), "fraction is -0.1"),
        (lambda g: systematic_labels(LABELS, keep=(), generator=g), "at least one class"),
        (lambda g: systematic_labels(LABELS, keep=(1, 1), generator=g), "each of them once"),
        (
            lambda g: fixed_clean(LABELS, clean=9, fraction=1.0, classes=10, generator=g),
            "never re-drawn wholly",
        ),
        (lambda g: fixed_clean(LABELS, clean=40, fraction=0.5, classes=10, generator=g), "make 80 rows"),
        (lambda g: shuffle_pixels(IMAGES[0], generator=g), r"must be \(N, C, H, W\)"),
        (lambda g: random_pixels(IMAGES.float(), generator=g), "must be uint8"),
        (lambda g: gaussian_pixels(IMAGES / 255, generator=g), "must be uint8"),
    ],
)
def test_what_cannot_be_corrupted_is_a_sentence(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        wrong(generator())
