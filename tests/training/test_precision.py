"""16 bits where they are fast, 32 otherwise; and what is learned is about the same."""

import statistics

import pytest
import torch
from small_training import everything_of, images, same, small_training

from course_utils.models.cnn import cnn
from course_utils.training.loop import fit, measure
from course_utils.training.precision import choose_precision, computing_in

CPU, CUDA, MPS = (torch.device(kind) for kind in ("cpu", "cuda", "mps"))
BYTES = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("abilities", "expected"),
    [
        ({"avx512_bf16": True}, "bfloat16"),
        ({"amx_bf16": True, "avx512_bf16": False}, "bfloat16"),
        ({"avx512_bf16": False, "amx_bf16": False, "avx512_f": True}, "float32"),
        ({"architecture": "aarch64"}, "float32"),
    ],
)
def test_auto_on_a_cpu_is_16_bits_where_it_multiplies_them_in_hardware(monkeypatch, abilities, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: abilities, raising=False)
    assert choose_precision("auto", CPU, BYTES) == expected
    assert choose_precision("auto", CPU, BYTES.float()) == expected


def test_auto_is_32_bits_where_pytorch_cannot_say_what_the_cpu_can_do(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert choose_precision("auto", CPU, BYTES) == "float32"


@pytest.mark.parametrize(("supported", "expected"), [(True, "bfloat16"), (False, "float16")])
def test_auto_on_a_gpu_is_bfloat16_or_on_older_ones_float16(monkeypatch, supported, expected):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: supported)  # noqa: ARG005
    assert choose_precision("auto", CUDA, BYTES) == expected


def test_auto_on_apple_is_32_bits():
    assert choose_precision("auto", MPS, BYTES) == "float32"


@pytest.mark.parametrize("device", [CPU, CUDA])
@pytest.mark.parametrize("example", [torch.zeros(1, 5), torch.zeros(1, 3, 8, 8, dtype=torch.float64)])
def test_auto_for_features_and_for_float64_is_as_stored(monkeypatch, device, example):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    assert choose_precision("auto", device, example) == "float32"


@pytest.mark.parametrize("wanted", ["float32", "bfloat16", "float16"])
def test_what_is_asked_for_is_taken(wanted):
    assert choose_precision(wanted, CPU, torch.zeros(1, 2)) == wanted


@pytest.mark.parametrize("bits", ["float32", "bfloat16", "float16"])
def test_products_are_computed_with_so_many_bits(bits):
    with computing_in(bits, CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == getattr(torch, bits)


@pytest.mark.parametrize("bits", ["bfloat16", "float16"])
def test_weights_and_their_optimizer_stay_in_32_bits(bits):
    arguments = small_training(precision=bits)
    fit(**arguments)
    parameters = arguments["model"].parameters()
    assert {parameter.dtype for parameter in parameters} == {torch.float32}
    state = arguments["optimizer"].state_dict()["state"]
    assert {entry["momentum_buffer"].dtype for entry in state.values()} == {torch.float32}


def test_images_in_float64_are_trained_in_float64():
    arguments = small_training(precision="auto")
    for part in ("train", "test"):
        arguments[part].images = arguments[part].images.double() / 255
    arguments["model"].double()
    fit(**arguments)
    assert {parameter.dtype for parameter in arguments["model"].parameters()} == {torch.float64}


@pytest.mark.parametrize("choice", [True, False])
def test_images_lie_in_memory_as_is_asked_for(choice):
    arguments, inputs = small_training(channels_last=choice, epochs=1), []
    arguments["model"].register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    fit(**arguments)
    pixel_by_pixel = [x.is_contiguous(memory_format=torch.channels_last) for x in inputs[2:]]
    assert pixel_by_pixel == [choice] * len(pixel_by_pixel), "the first two are the look before the start"
    assert arguments["model"][0].weight.is_contiguous(memory_format=torch.channels_last) == choice


def test_layouts_in_memory_learn_the_same_but_for_rounding():
    losses = [fit(**small_training(channels_last=choice)).train_loss for choice in (True, False)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_the_same_call_has_the_same_result_in_16_bits_too():
    results = []
    for _ in range(2):
        arguments = small_training(precision="bfloat16")
        results.append(everything_of(arguments, fit(**arguments)))
    assert same(*results)


def test_16_bits_learn_about_as_well_as_32():
    test = images(400, seed=3, noise=0.6)

    def accuracy(precision, seed):
        draw = torch.Generator().manual_seed(seed)
        model = cnn(generator=draw, classes=4, widths=(8,), hidden=16, image_size=8)
        fit(
            model,
            images(256, seed=4, noise=0.6),
            epochs=8,
            batch_size=32,
            optimizer=torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9),
            generator=draw,
            precision=precision,
        )
        return measure(model, test, precision="float32")[1]

    means = {
        precision: statistics.fmean(accuracy(precision, seed) for seed in range(4))
        for precision in ("float32", "bfloat16")
    }
    assert means["float32"] > 0.8, "the problem can be learned, so a failure to learn would show"
    assert abs(means["bfloat16"] - means["float32"]) < 0.05
