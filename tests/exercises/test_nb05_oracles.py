"""The reference answers of notebook 05 against witnesses that know nothing of them."""

import re
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import chisquare
from scipy.stats import entropy as scipy_entropy
from sklearn.metrics import confusion_matrix
from torch import nn
from torch.nn import functional as F

from course_utils.data import Split
from course_utils.data.mosaics import Mosaics, make_mosaics
from course_utils.evaluation.focus import count, look
from course_utils.exercises import catalogue
from course_utils.exercises.references import References
from course_utils.models.cnn import cnn
from course_utils.models.mosaic import MosaicAttention, mosaic_cnn
from course_utils.training.devices import one_thread

NOTEBOOK = catalogue.notebook("05")


@pytest.fixture(autouse=True)
def single_thread():
    """Tensors this small are computed faster by one thread than by two."""
    with one_thread():
        yield


@pytest.fixture(scope="module")
def ours():
    """Return a function from a name to what the reference of its exercise defines."""
    references = References(NOTEBOOK)
    references.answer(NOTEBOOK.exercises[-1])
    every = {name: value for e in NOTEBOOK.exercises for name, value in references.answer(e).items()}
    return every.__getitem__


@pytest.fixture
def draw():
    return torch.Generator().manual_seed(7)


@pytest.fixture
def source(draw):
    """Return pictures of ten classes, 20 each, in random order."""
    labels = torch.arange(10).repeat(20)[torch.randperm(200, generator=draw)]
    return Split(torch.randint(256, (200, 3, 8, 8), generator=draw, dtype=torch.uint8), labels)


# --- mosaics -----------------------------------------------------------------------------------------------


def test_places_and_pictures_of_drawn_mosaics_are_uniform(ours, draw, source):
    tiles = ours("draw_tiles")(source.labels, 3000, [0, 1, 2], [3, 4, 5], draw)
    front = np.isin(source.labels[tiles].numpy(), [0, 1, 2])
    assert (front.sum(axis=1) == 1).all()
    assert chisquare(front.sum(axis=0)).pvalue > 1e-4
    often = np.bincount(tiles.flatten().numpy(), minlength=200)
    for classes in ([0, 1, 2], [3, 4, 5]):
        group = np.isin(source.labels.numpy(), classes)
        assert chisquare(often[group]).pvalue > 1e-4
    assert often[np.isin(source.labels.numpy(), [6, 7, 8, 9])].sum() == 0
    assert all(len(set(row)) == 9 for row in tiles.tolist())


def test_the_backgrounds_of_a_place_do_not_depend_on_the_foreground(ours, draw, source):
    """The place next to the foreground holds every background picture as often as any other place."""
    tiles = ours("draw_tiles")(source.labels, 4000, [0, 1, 2], [3, 4, 5], draw)
    front = torch.isin(source.labels[tiles], torch.tensor([0, 1, 2])).int().argmax(dim=1)
    table = np.zeros((9, 9))
    for at in range(9):
        chosen = tiles[front == at]
        for place in range(9):
            table[at, place] = source.labels[chosen[:, place]].float().mean()
    off = table[~np.eye(9, dtype=bool)]
    # a mean of about 444 classes of variance 2/3: one standard deviation is 0.04
    assert np.abs(off - 4).max() < 0.2


def test_label_and_place_are_those_of_the_librarys_mosaics(ours, draw, source):
    foreground = [5, 2, 7]
    mosaics = make_mosaics(source, 300, generator=draw, foreground=foreground, background=[0, 1, 3, 4, 6])
    places, labels = ours("read_mosaics")(mosaics.tiles, source.labels, foreground)
    assert torch.equal(places, mosaics.foreground_at)
    assert torch.equal(labels, mosaics.labels)


def test_what_mosaics_cost_is_what_tensors_say(ours, draw):
    tile = torch.zeros(3, 32, 32, dtype=torch.uint8)
    assert ours("q_copied") == 20_000 * torch.zeros(9, *tile.shape, dtype=torch.uint8).nbytes
    assert ours("q_rows") == torch.zeros(20_000, 9, dtype=torch.int64).nbytes
    # CIFAR-10 at a tenth of its size, and a tenth of the mosaics
    labels = torch.arange(10).repeat_interleave(500)
    mosaics = make_mosaics(Split(torch.zeros(5000, 1), labels), 2000, generator=draw)
    often = torch.bincount(mosaics.tiles.flatten(), minlength=5000)[labels >= 3]
    assert float(often.float().mean()) == pytest.approx(ours("q_often"))


# --- the model ---------------------------------------------------------------------------------------------


def networks(seed=0, outputs=1):
    return cnn(
        generator=torch.Generator().manual_seed(seed),
        classes=outputs,
        widths=(4, 6),
        hidden=10,
        image_size=8,
    )


def test_attention_is_scipys_softmax_of_each_mosaics_scores(ours, draw):
    focus, mosaics = networks(), torch.randn(5, 9, 3, 8, 8, generator=draw)
    weights = ours("attention")(focus, mosaics).detach().numpy()
    for mosaic, found in zip(mosaics, weights, strict=True):
        np.testing.assert_allclose(found, softmax(focus(mosaic)[:, 0].detach().numpy()), rtol=1e-5)


def test_the_average_is_numpys(ours, draw):
    weights = torch.rand(4, 9, generator=draw).softmax(dim=1)
    for shape in ((3,), (2, 5, 4), ()):
        features = torch.randn(4, 9, *shape, generator=draw)
        theirs = [
            np.average(x, axis=0, weights=w) for x, w in zip(features.numpy(), weights.numpy(), strict=True)
        ]
        np.testing.assert_allclose(
            ours("average")(features, weights).numpy(), np.stack(theirs), rtol=1e-4, atol=1e-6
        )


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_the_model_is_the_librarys_with_the_same_gradients(ours, draw, depth):
    focus, classify = networks(0), networks(1, 3)
    theirs = MosaicAttention(focus, classify, average_at=3 * depth)
    mine = ours("Attention")(focus, classify[: 3 * depth], classify[3 * depth :])
    mosaics = torch.randn(4, 9, 3, 8, 8, generator=draw)
    parameters = [*focus.parameters(), *classify.parameters()]
    answers = []
    for model in (theirs, mine):
        logits = model(mosaics)
        answers.append((logits, *torch.autograd.grad(logits.square().sum(), parameters)))
    for one, other in zip(*answers, strict=True):
        torch.testing.assert_close(one, other)
    given = torch.rand(4, 9, generator=draw).softmax(dim=1)
    features = theirs.before(mosaics.flatten(0, 1)).unflatten(0, (4, 9))
    torch.testing.assert_close(mine.classify(mosaics, given), theirs.combine(features, given))


def test_tiles_change_places_weights_go_along_and_the_answer_stays(ours, draw):
    model = ours("Attention")(networks(0), networks(1, 3)[:3], networks(1, 3)[3:])
    mosaics = torch.randn(6, 9, 3, 8, 8, generator=draw)
    order = torch.randperm(9, generator=draw)
    attend = ours("attention")
    with torch.no_grad():
        torch.testing.assert_close(
            attend(model.focus, mosaics[:, order]), attend(model.focus, mosaics)[:, order]
        )
        torch.testing.assert_close(model(mosaics[:, order]), model(mosaics))


def test_a_forgotten_shuffle_makes_no_difference_to_what_is_learned(ours, draw):
    """Exercise 5.7: ten steps on mosaics with the foreground first, and on the same mosaics, shuffled."""
    assert (ours("q_shuffle"), ours("q_shuffle_reason")) == ("c", 2)
    mosaics = torch.randn(20, 9, 3, 8, 8, generator=draw)
    labels = torch.randint(3, (20,), generator=draw)
    orders = torch.rand(20, 9, generator=draw).argsort(dim=1)
    shuffled = mosaics[torch.arange(20)[:, None], orders]
    learned = []
    for data in (mosaics, shuffled):
        model = ours("Attention")(networks(0), nn.Sequential(), networks(1, 3))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(10):
            optimizer.zero_grad()
            F.cross_entropy(model(data), labels).backward()
            optimizer.step()
        learned.append(torch.nn.utils.parameters_to_vector(model.parameters()))
    start = torch.nn.utils.parameters_to_vector([*networks(0).parameters(), *networks(1, 3).parameters()])
    assert (learned[0] - start).abs().max() > 0.01
    torch.testing.assert_close(learned[0], learned[1], rtol=1e-3, atol=1e-5)


def test_the_gradient_of_a_score_is_autograds(ours, draw):
    features = torch.randn(5, 9, 7, generator=draw, dtype=torch.float64)
    scores = torch.randn(5, 9, generator=draw, dtype=torch.float64).requires_grad_()
    weights = scores.softmax(dim=1)
    mean = (weights[:, :, None] * features).sum(dim=1)
    loss = (mean**3).sum() + mean.sin().prod()
    d_mean, d_scores = torch.autograd.grad(loss, (mean, scores))
    torch.testing.assert_close(ours("score_gradient")(d_mean, features, weights.detach()), d_scores)


def test_the_gradients_of_a_mosaics_scores_add_up_to_zero(ours, draw):
    weights = torch.randn(5, 9, generator=draw).softmax(dim=1)
    found = ours("score_gradient")(
        torch.randn(5, 7, generator=draw), torch.randn(5, 9, 7, generator=draw), weights
    )
    torch.testing.assert_close(found.sum(dim=1), torch.zeros(5), atol=1e-5, rtol=0)


# --- measuring ---------------------------------------------------------------------------------------------


def test_the_four_counts_are_scikit_learns_confusion_matrix(ours, draw):
    weights, logits = torch.rand(200, 9, generator=draw), torch.randn(200, 3, generator=draw)
    places, labels = torch.randint(9, (200,), generator=draw), torch.randint(3, (200,), generator=draw)
    weights[torch.arange(100), places[:100]] = 2
    found = ours("count_four")(weights, logits, places, labels)
    focus = (weights.argmax(dim=1) == places).numpy()
    prediction = (logits.argmax(dim=1) == labels).numpy()
    matrix = confusion_matrix(focus, prediction)
    assert found == {"FTPT": matrix[1, 1], "FFPT": matrix[0, 1], "FTPF": matrix[1, 0], "FFPF": matrix[0, 0]}
    assert sum(found.values()) == 200


def test_counts_and_weights_agree_with_the_librarys_look(ours, draw, source):
    mosaics = make_mosaics(source, 80, generator=draw)
    model = mosaic_cnn(generator=draw, focus_widths=(4, 6), widths=(4, 6), hidden=10, image_size=8)
    looks = look(model, mosaics, precision="float32")
    with torch.no_grad():
        weights = ours("attention_once")(lambda x: model.focus(x / 255), source.images, mosaics.tiles)
    torch.testing.assert_close(weights, looks.attention_weights)
    theirs = count(looks, mosaics)
    found = ours("count_four")(weights, looks.logits, mosaics.foreground_at, mosaics.labels)
    assert found == {"FTPT": theirs.ftpt, "FFPT": theirs.ffpt, "FTPF": theirs.ftpf, "FFPF": theirs.ffpf}


def test_the_entropy_is_scipys(ours, draw):
    weights = (3 * torch.randn(20, 9, generator=draw)).softmax(dim=1)
    weights[0] = torch.eye(9)[2]
    weights[1] = 1 / 9
    np.testing.assert_allclose(
        ours("entropy")(weights).numpy(), scipy_entropy(weights.numpy(), axis=1), atol=1e-5
    )


def test_each_distinct_picture_is_scored_once_with_the_same_result(ours, draw, source):
    mosaics = make_mosaics(source, 150, generator=draw)
    focus, seen = networks(), []

    def watched(images):
        seen.append(images)
        return focus(images / 255)

    with torch.no_grad():
        weights = ours("attention_once")(watched, source.images, mosaics.tiles)
        torch.testing.assert_close(weights, ours("attention")(focus, mosaics.pixels(mosaics.tiles)))
    pictures = torch.cat(seen)
    assert len(pictures) == len(set(mosaics.tiles.flatten().tolist()))
    assert len(torch.unique(pictures.flatten(1), dim=0)) == len(pictures)


# --- when to average ---------------------------------------------------------------------------------------

LAYERS = {
    "q_convolution": nn.Conv2d(3, 4, 3),
    "q_relu": nn.ReLU(),
    "q_max_pool": nn.MaxPool2d(2),
    "q_mean_pool": nn.AvgPool2d(2),
    "q_linear": nn.Sequential(nn.Flatten(), nn.Linear(192, 5)),
    "q_raw": nn.Conv2d(3, 4, 3),
}


@pytest.mark.parametrize("name", LAYERS)
def test_whether_a_layer_and_the_average_can_change_places_is_what_trying_says(ours, draw, name):
    tiles = torch.randn(9, 3, 8, 8, generator=draw)
    scores = torch.randn(9, generator=draw)
    weights = scores if name == "q_raw" else scores.softmax(dim=0)
    layer = LAYERS[name]
    for parameter in layer.parameters():
        nn.init.constant_(parameter, 0.5)  # with a bias that counts
    first = layer(torch.tensordot(weights, tiles, dims=1)[None])[0]
    last = torch.tensordot(weights, layer(tiles), dims=1)
    assert torch.allclose(first, last, atol=1e-4) is ours(name)


def test_the_reports_table_falls_once_and_ends_at_its_best(ours):
    text = (catalogue_folder() / "05_mosaic_attention.py").read_text(encoding="utf-8")
    (row,) = re.findall(r"\| test accuracy \|(.*)\|", text)
    test = [float(number) for number in re.findall(r"[\d.]+", row)]
    assert test == [85.58, 81.22, 88.25, 90.01]  # report 000, table 1
    rises = [after > before for before, after in pairwise(test)]
    assert rises == [False, True, True]
    assert (ours("q_table"), ours("q_table_reason")) == ("a", 2)


def catalogue_folder():
    from pathlib import Path

    from course_utils.repository import find_repository

    return find_repository(Path(__file__).parent) / "notebooks" / "solutions"


def test_the_library_is_withheld_that_would_hand_the_answers_over():
    modules = {cls.__module__.removeprefix("course_utils.") for cls in (Mosaics, MosaicAttention, look)}
    assert modules <= set(NOTEBOOK.withheld)
