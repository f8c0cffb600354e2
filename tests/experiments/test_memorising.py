"""D1 to D4 and F5: what is trained on what, and that all labels can be fitted."""

import math
import tempfile

import pytest
import torch

from course_utils.data import load
from course_utils.experiments import label_noise, rethinking, systematic_noise
from course_utils.experiments.catalogue import EXPERIMENTS, at_scale
from course_utils.training.many import Trial, fit_many


def settings(key, setting):
    return at_scale(EXPERIMENTS[key].settings[setting], "smoke")


def run(module, settings):
    with tempfile.TemporaryDirectory() as folder:
        [result] = fit_many(
            module.plan, [Trial(settings)], folder=folder, keep_weights=True, engine="sequential"
        )
        return module.outcome(settings, 0, result)


@pytest.mark.parametrize("percent", [0, 5, 20, 50, 100])
def test_d1_corrupts_the_percentage_of_training_and_of_test_rows(percent):
    train, test = label_noise.data(settings("D1", f"p = {percent}"), 0)
    for part in (train, test):
        assert int(part.corrupted.sum()) == round(percent / 100 * len(part.given))
        assert torch.equal(part.given.labels[~part.corrupted], part.true_labels[~part.corrupted])


def test_d1_takes_the_same_images_whatever_the_percentage():
    few, many = (label_noise.data(settings("D1", f"p = {p}"), 3)[0] for p in (5, 50))
    assert torch.equal(few.given.images, many.given.images)
    assert torch.equal(few.true_labels, many.true_labels)


@pytest.mark.parametrize("percent", [0, 10, 50])
def test_d2_has_as_many_clean_rows_for_every_percentage(percent):
    train, _ = label_noise.data(settings("D2", f"p = {percent}"), 0)
    assert int((~train.corrupted).sum()) == 150
    assert train.corrupted.double().mean().item() == pytest.approx(percent / 100, abs=0.01)


def test_d2_has_the_report_s_sizes_at_full_scale():
    sizes = []
    for percent in (5, 10, 20, 30, 40, 50):
        values = at_scale(EXPERIMENTS["D2"].settings[f"p = {percent}"], "full")
        sizes.append(round(values["clean"] / (1 - values["percent"] / 100)))
    assert sizes == [26316, 27778, 31250, 35714, 41667, 50000]  # report 000, section 4.2


def test_d2_on_inputs_leaves_labels_and_makes_noise_of_the_corrupted_images_only():
    values = settings("D2", "inputs, p = 50")
    (train, test), (clean, _) = (label_noise.data(v, 0) for v in (values, values | {"what": "labels"}))
    for part in (train, test):
        assert torch.equal(part.given.labels, part.true_labels)
    same = (train.given.images == clean.given.images).flatten(1).all(dim=1)
    assert torch.equal(same, ~train.corrupted)


def test_d3_keeps_n_images_of_three_classes_and_gives_their_labels_to_all_others():
    values = settings("D3", "CNN, n = 4000")
    train, corrupted, test = systematic_noise.data(values, 0)
    assert (int((~corrupted).sum()), int(corrupted.sum())) == (values["n"], values["others"])
    assert set(train.labels.tolist()) == {0, 1, 2}
    assert len(test) == len(load("cifar10").test)


def test_d4_has_the_report_s_numbers_of_images_at_laptop_and_full():
    for scale in ("laptop", "full"):
        found = [at_scale(EXPERIMENTS["D4"].settings[f"CNN, n = {n}"], scale) for n in (100, 12_665)]
        # report 000, table 7: 47435 and 60000 images in all
        assert [values["n"] + values["others"] for values in found] == [47_435, 60_000]


def test_more_images_than_there_are_of_the_classes_are_refused():
    with pytest.raises(ValueError, match="images are wanted of classes that have"):
        systematic_noise.data(settings("D3", "CNN, n = 1000") | {"n": 10**6}, 0)


@pytest.mark.parametrize("kind", ["shuffled pixels", "random pixels", "uniform pixels", "Gaussian pixels"])
def test_f5_changes_pixels_and_no_label(kind):
    (train, test), (true_train, true_test) = (
        rethinking.data(settings("F5", name), 0) for name in (kind, "true labels")
    )
    for part, true_part in ((train, true_train), (test, true_test)):
        assert torch.equal(part.labels, true_part.labels)
        assert part.images.shape == true_part.images.shape
        assert not torch.equal(part.images, true_part.images)


def test_f5_shuffles_training_and_test_pixels_by_one_permutation():
    # an image that stands in both parts must stay the same image in both
    train, test = rethinking.data(settings("F5", "shuffled pixels"), 0)
    true_train, true_test = rethinking.data(settings("F5", "true labels"), 0)
    values = torch.cat([true_train.images, true_test.images])[:, 0].flatten(1)
    shuffled = torch.cat([train.images, test.images])[:, 0].flatten(1)
    # the values of a position over all images are those of another position, the same for both parts
    columns = {tuple(values[:, k].tolist()) for k in range(values.shape[1])}
    assert {tuple(shuffled[:, k].tolist()) for k in range(values.shape[1])} == columns


def test_f5_random_labels_are_of_training_images_only():
    train, test = rethinking.data(settings("F5", "random labels"), 0)
    true_train, true_test = rethinking.data(settings("F5", "true labels"), 0)
    assert torch.equal(train.images, true_train.images)
    assert (train.labels == true_train.labels).double().mean() < 0.2  # a tenth stay by chance, of 300
    assert torch.equal(test.labels, true_test.labels)


@pytest.mark.parametrize(
    ("module", "key", "setting"),
    [
        (label_noise, "D1", "p = 100"),
        (systematic_noise, "D3", "CNN, n = 4000"),
        (rethinking, "F5", "Gaussian pixels"),
    ],
)
def test_every_label_of_a_few_images_is_fitted_true_or_not(module, key, setting):
    few = {"train_images": 40, "n": 20, "others": 20, "epochs": 100, "batch_size": 10}
    found = run(module, settings(key, setting) | few | {"widths": [16, 32], "hidden": 128})
    fitted = found["curves"].get("fitted", found["curves"].get("train_accuracy"))
    assert fitted[-1] == 1
    assert found["epochs"] == len(fitted) < 100


def test_d1_s_accuracies_are_consistent_with_one_another():
    found = run(label_noise, settings("D1", "p = 20"))
    for part in ("train", "test"):
        mixed = 0.2 * found[f"{part}_corrupted"] + 0.8 * found[f"{part}_uncorrupted"]
        assert found[f"{part}_all"] == pytest.approx(mixed)
    assert found["train_all"] == pytest.approx(found["curves"]["fitted"][-1], abs=0.01)


def test_parts_that_are_empty_are_nan():
    assert math.isnan(run(label_noise, settings("D1", "p = 0"))["train_corrupted"])
    assert math.isnan(run(label_noise, settings("D1", "p = 100"))["test_uncorrupted"])


def test_accuracy_on_all_test_images_is_at_most_the_share_of_the_classes_kept():
    found = run(systematic_noise, settings("D4", "CNN, n = 4000"))
    kept = load("mnist").test.labels < 2
    assert found["cap"] == pytest.approx(kept.double().mean().item())
    assert found["test_all"] == pytest.approx(found["cap"] * found["test_kept"])


@pytest.mark.parametrize("setting", ["true labels, all", "random labels, dropout"])
def test_regularised_trainings_run(setting):
    found = run(rethinking, settings("F5", setting))
    assert 0 <= found["train_error"] <= 1
    assert math.isfinite(found["test_loss"])
