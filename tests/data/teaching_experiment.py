"""How well three learners do on a data set of images: does it teach what it should?

`python tests/data/teaching_experiment.py` prints the table for the stand-in of CIFAR-10.
"""

import statistics

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.data import DataSet, load
from course_utils.data.augmentation import random_crop, random_flip

LEARNERS = ("MLP", "CNN", "CNN with augmentation")
SEEDS = (0, 1, 2)


def accuracies_on_test(data: DataSet, *, epochs: int = 20) -> dict[str, list[float]]:
    """Return for each learner its test accuracy with each seed."""
    return {learner: [accuracy(data, learner, seed, epochs=epochs) for seed in SEEDS] for learner in LEARNERS}


def accuracy(data: DataSet, learner: str, seed: int, *, epochs: int, batch: int = 128) -> float:
    """Train a learner with Adam and a one-cycle schedule; return its test accuracy, 0 to 1."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    network = mlp() if learner == "MLP" else cnn()
    network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters())
    steps = epochs * -(-len(data.train) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    for _ in range(epochs):
        for chosen in torch.randperm(len(data.train), generator=generator).split(batch):
            images = data.train.images[chosen]
            if learner == "CNN with augmentation":
                images = random_flip(random_crop(images, generator), generator)
            loss = F.cross_entropy(network(scaled(images)), data.train.labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    network.eval()
    with torch.no_grad():
        right = network(scaled(data.test.images)).argmax(dim=1) == data.test.labels
    return right.float().mean().item()


def scaled(images: Tensor) -> Tensor:
    """Turn uint8 pixels into floats from -2 to 2."""
    return ((images.float() / 255 - 0.5) / 0.25).contiguous(memory_format=torch.channels_last)


def mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 256), nn.ReLU(), nn.Linear(256, 10))


def cnn() -> nn.Module:
    blocks = [
        layer
        for before, after in ((3, 16), (16, 32), (32, 64))
        for layer in (
            nn.Conv2d(before, after, 3, padding=1),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
    ]
    return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(64 * 4 * 4, 128), nn.ReLU(), nn.Linear(128, 10))


if __name__ == "__main__":
    for learner, found in accuracies_on_test(load("cifar10", scale="smoke")).items():
        print(f"{learner:24}{statistics.mean(found):.3f} ± {statistics.stdev(found):.3f}  {found}")
