# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Notebook 03: convolutions
#
# In notebook 02 you flattened each digit into a row of 784 numbers. Shuffle these numbers, the same way for every
# digit, and that network learns just as well: it never knew which pixels are neighbours. What does a network gain
# that knows?
#
# You will write a convolution three times, take its gradient by hand, count what it costs and what it sees, and then
# build the network of the report and train it on pictures.
#
# Fill in the cells that begin with `# Exercise`, run them, then run the check below each. Stuck?
# `hint("3.4", 1)` points the way, `hint("3.4", 2)` nearly gives the answer, `solution("3.4")` shows it.
# `progress()` shows where you are; `reset("3.4")` gives an empty cell back. Where a number is asked for, a Python
# number and a tensor of shape () both count, and `"B"` is as good as `"b"`.
#
# *The report* is L. Tosato and M. Diez (RDFIA, TME 2), part 2: questions 1 to 18. (It has no questions 13 and 15.)

# %% tags=["setup"]
import course_utils  # first: it decides how torch's threads wait

import time

import torch
from IPython.display import Markdown
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import plots, widgets
from course_utils.data import Split, load
from course_utils.evaluation import ledger
from course_utils.exercises import begin, check, hint, mine, progress, reset, solution
from course_utils.models.cnn import cnn
from course_utils.models.initialise import initialise
from course_utils.scale import pick
from course_utils.training.devices import best_device, one_thread
from course_utils.training.history import History
from course_utils.training.loop import fit, measure

begin("03")

# %% [markdown]
# ## 1. Why not connect everything?
#
# First, the pictures.

# %%
cifar = load("cifar10")
note = " (drawn stand-ins for CIFAR-10)" if cifar.stand_in else ""
print(cifar)
figure = plots.images(
    cifar.train.images[:16],
    titles=[cifar.classes[label] for label in cifar.train.labels[:16]],
    title=f"{len(cifar.classes)} classes, {cifar.train.images[0].numel()} numbers a picture{note}",
)
plots.show(figure, alt="Sixteen small colour pictures with their classes.")

# %% [markdown]
# A layer is to turn such a picture, 32 x 32 pixels of 3 colours, into 32 *maps* of 32 x 32 numbers. The obvious way
# connects every output with every input. A *convolution* looks at a window of 5 x 5 pixels instead (all 3 colours of
# it), and moves this window over the picture; each map has **one** set of weights for all its places. Zeros around
# the picture give the border its outputs, too.
#
# ### Exercise 3.1: what sharing saves
#
# *(Report question 1.)* Leave out biases. How many weights has the fully connected layer? How many has the
# convolution? And how many multiplications does the convolution take for one picture? (The products with the zeros
# around it count as well. The fully connected layer uses every weight exactly once.)

# %%
# Exercise 3.1 (2 points, 8 minutes, difficulty 2)
# three whole numbers; let Python multiply
q1_fully_connected = ...
q1_convolution = ...
q1_multiplications = ...

# %%
check("3.1")

# %% [markdown]
# A hundred million weights, 400 MB in float32, for the first layer of a small network! That is one gain of the
# convolution. The other follows from the *sharing*.
#
# ### Exercise 3.2: a picture moves
#
# *(Report question 2.)* You shift a picture by one pixel to the right. What does a convolution (which moves its window
# by one pixel at a time) compute now?
#
# - **a** the same numbers as before
# - **b** other numbers, in no simple relation to those before
# - **c** the same numbers, shifted by one pixel, except at the border
# - **d** the same numbers as before, if the window is larger than the shift
#
# Because:
#
# 1. the same weights are used at every place;
# 2. each output is a mean over its window;
# 3. each output sees only a part of the picture.

# %%
# Exercise 3.2 (1 point, 3 minutes, difficulty 1)
# q2: one of "a", "b", "c", "d"; q2_reason: 1, 2 or 3
q2 = ...
q2_reason = ...

# %%
check("3.2")

# %% [markdown]
# The report calls convolutions *robust* to small shifts, and names max pooling as the reason. The convolution itself
# follows a shift (*equivariance*); not to notice one (*invariance*) is another thing, and what pooling gives of it you
# will see in part 7. A fully connected layer does neither. For random weights:

# %%
generator = torch.Generator().manual_seed(0)
x = cifar.test.images[:8].float() / 255  # (8, 3, 32, 32)
layers = {
    "convolution": nn.Conv2d(3, 1, kernel_size=5, padding=2),
    "fully connected": nn.Sequential(
        nn.Flatten(), nn.Linear(3 * 32 * 32, 32 * 32), nn.Unflatten(1, (1, 32, 32))
    ),
}
for name, layer in layers.items():
    initialise(layer, generator)
    with torch.no_grad():
        y, y_shifted = layer(x), layer(x.roll(1, dims=3))  # (8, 1, 32, 32)
    expected = y.roll(1, dims=3)[..., 4:-4]  # away from the border
    share = float((y_shifted[..., 4:-4] - expected).norm() / expected.norm())
    print(f"{name}: output of the shifted picture and shifted output differ by {share:.0%}")


# %% [markdown]
# ## 2. One convolution, three programs
#
# A window of $k$ pixels moves over a line of $n$ pixels, with $p$ zeros added at either end, by $s$ pixels at a time
# (the *stride*). How often does it fit?
#
# ### Exercise 3.3: how many places
#
# *(Report question 1.)* The last place counts only if the whole window fits; pixels left over are never seen.

# %%
# Exercise 3.3 (1 point, 5 minutes, difficulty 1)
def output_size(n: int, kernel: int, stride: int, padding: int) -> int:
    """Return how many outputs a layer has along an axis of n pixels, with `padding` zeros at either end."""
    raise NotImplementedError("Exercise 3.3")


# %%
check("3.3")


# %% [markdown]
# For pictures $x$ with $C$ channels and $F$ filters $w$, each with a bias:
#
# $$y_{f,i,j} = b_f + \sum_{c=0}^{C-1} \sum_{u=0}^{k_h-1} \sum_{v=0}^{k_w-1} w_{f,c,u,v}\; \tilde x_{c,\; i s + u,\; j s + v}$$
#
# where $\tilde x$ is the picture with zeros around it. All indices count from 0, as in Python. (Mathematicians turn
# the filter round before they slide it; neural networks do not, and call it a convolution all the same.)
#
# ### Exercise 3.4: as a loop
#
# Put zeros around x: `F.pad(x, (left, right, top, bottom))`. Let $i$ and $j$ run over all places, from 0: cut out the
# window, multiply it with each filter, add up, add the bias. Kernels need not be square. (The number of places comes
# from your `output_size`.)

# %%
# Exercise 3.4 (4 points, 20 minutes, difficulty 3)
def conv2d_loops(x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int) -> Tensor:
    """Convolve x (N, C, H, W) with weight (F, C, kh, kw) and bias (F,); return (N, F, rows, columns)."""
    filters, _, kh, kw = weight.shape
    rows = output_size(x.shape[2], kh, stride, padding)
    columns = output_size(x.shape[3], kw, stride, padding)
    y = x.new_zeros(len(x), filters, rows, columns)
    raise NotImplementedError("Exercise 3.4")
    return y


# %%
check("3.4")

# %% [markdown]
# What can nine weights do? Here is one picture, in grey, under five filters of 3 x 3.

# %%
line = torch.tensor([-1.0, 0.0, 1.0])
handmade = {
    "as it is": torch.outer(line == 0, line == 0).float(),
    "mean": torch.full((3, 3), 1 / 9),
    "left to right": line.repeat(3, 1),
    "top to bottom": line.repeat(3, 1).T,
    "spots": torch.tensor([[-1.0, -1.0, -1.0], [-1.0, 8.0, -1.0], [-1.0, -1.0, -1.0]]),
}
weight = torch.stack(list(handmade.values()))[:, None]  # (5, 1, 3, 3)
grey = cifar.train.images[3:4].float().mean(dim=1, keepdim=True) / 255  # (1, 1, 32, 32)
responses = conv2d_loops(grey, weight, torch.zeros(5), stride=1, padding=0)[0]  # (5, 30, 30)
means, differences = (
    plots.as_pictures(responses[:2]),
    plots.as_pictures(responses[2:], signed=True),
)
figure = plots.images(
    [*means, *differences],
    titles=list(handmade),
    title="The same picture under five filters: means and differences of neighbours (middle grey: 0)",
)
plots.show(
    figure,
    alt="One picture unchanged and blurred, then three pictures that are grey but for edges from left to right, "
    "edges from top to bottom, and fine detail.",
)

# %% [markdown]
# These filters are made by hand. A network finds its own.
#
# ### Exercise 3.5: as one matrix product
#
# The loop is slow: each of its steps asks Python. So put every window into a column of its own, once, and let one
# matrix product do all filters at all places. `F.unfold` makes the columns (it also takes `stride=` and `padding=`;
# pass them by name):

# %%
square = torch.arange(16.0).reshape(1, 1, 4, 4)
print("a picture of 4 x 4:", square[0, 0], sep="\n")
print("its four windows of 3 x 3 as columns:", F.unfold(square, kernel_size=3)[0], sep="\n")


# %% [markdown]
# Within a column, channels come first, then rows, then columns of the window: the order of `weight[f].flatten()`.

# %%
# Exercise 3.5 (3 points, 15 minutes, difficulty 3)
def conv2d_matmul(x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int) -> Tensor:
    """Do the same as conv2d_loops without a loop: F.unfold, one matrix product, a reshape."""
    filters, _, kh, kw = weight.shape
    rows = output_size(x.shape[2], kh, stride, padding)
    columns = output_size(x.shape[3], kw, stride, padding)
    raise NotImplementedError("Exercise 3.5")


# %%
check("3.5")


# %% [markdown]
# ### Exercise 3.6: as a layer
#
# From now on `nn.Conv2d` does it. It draws weights of its own; copy the given ones into it (they belong to the caller:
# do not share them).

# %%
# Exercise 3.6 (2 points, 8 minutes, difficulty 2)
def as_layer(weight: Tensor, bias: Tensor, stride: int, padding: int) -> nn.Conv2d:
    """Return an nn.Conv2d with copies of weight (F, C, kh, kw) and bias (F,)."""
    raise NotImplementedError("Exercise 3.6")


# %%
check("3.6")

# %%
generator = torch.Generator().manual_seed(0)
x = cifar.test.images[:4].float() / 255  # (4, 3, 32, 32)
weight, bias = torch.randn(8, 3, 5, 5, generator=generator), torch.randn(8, generator=generator)
programs = {
    "loops": lambda: conv2d_loops(x, weight, bias, 2, 2),
    "matrix product": lambda: conv2d_matmul(x, weight, bias, 2, 2),
    "nn.Conv2d": lambda: as_layer(weight, bias, 2, 2)(x),
}
expected = F.conv2d(x, weight, bias, stride=2, padding=2)
with one_thread(), torch.no_grad():
    for name, program in programs.items():
        program()  # once to warm up
        started = time.perf_counter()
        y = program()
        took = 1000 * (time.perf_counter() - started)
        apart = float((y - expected).abs().max() / expected.abs().max())
        print(f"{name:15} {took:8.2f} ms   off by {apart:.0e} of the largest output")


# %% [markdown]
# Three programs, one result, up to rounding. (The judge here is PyTorch's function `F.conv2d`.)
#
# ## 3. Backward, by hand
#
# Training needs the gradient. A loss $L$ depends on the outputs $y$; suppose that you know
# $G = \partial L / \partial y$, of the shape of $y$. The output $y_{f,i,j}$ holds the weight $w_{f,c,u,v}$ once,
# multiplied by the pixel $\tilde x_{c, is+u, js+v}$, and the bias $b_f$ once. So with the chain rule, over all places
# and all pictures $n$ of the batch:
#
# $$\frac{\partial L}{\partial w_{f,c,u,v}} = \sum_{n,i,j} G_{n,f,i,j}\; \tilde x_{n,c,\,is+u,\,js+v} \qquad
# \frac{\partial L}{\partial b_f} = \sum_{n,i,j} G_{n,f,i,j}$$
#
# ### Exercise 3.7: gradient of weights and bias
#
# The loop is that of the forward pass: each place adds what its window contributes. Autograd is switched off in the
# checks of 3.7, 3.8 and 3.20: you are the autograd.

# %%
# Exercise 3.7 (3 points, 20 minutes, difficulty 3)
def conv2d_backward_weight(
    G: Tensor, x: Tensor, kernel_size: tuple[int, int], stride: int, padding: int
) -> tuple[Tensor, Tensor]:
    """From G = dL/dy (N, F, rows, columns) and x (N, C, H, W) return dL/dweight (F, C, kh, kw) and dL/dbias (F,)."""
    kh, kw = kernel_size
    dweight = x.new_zeros(G.shape[1], x.shape[1], kh, kw)
    raise NotImplementedError("Exercise 3.7")
    return dweight, dbias


# %%
check("3.7")


# %% [markdown]
# ### Exercise 3.8: gradient of the input
#
# Seen from a pixel: it enters every output whose window covers it, each time with another weight.
#
# $$\frac{\partial L}{\partial \tilde x_{n,c,a,b}} = \sum_{f,i,j,u,v \,:\; is+u=a,\; js+v=b} G_{n,f,i,j}\; w_{f,c,u,v}$$
#
# That looks worse than it is: go through the places once more; where the forward pass *read* a window, you *add* to it.
# Begin with `G.new_zeros`: it takes the dtype of G, and the cell after the check calculates in float64. At the end, cut
# the zeros off that were put around the picture. (The check tries `padding` 1 and 0.)

# %%
# Exercise 3.8 (4 points, 25 minutes, difficulty 4)
def conv2d_backward_input(
    G: Tensor, weight: Tensor, size: tuple[int, int], stride: int, padding: int
) -> Tensor:
    """From G = dL/dy (N, F, rows, columns) and weight (F, C, kh, kw) return dL/dx (N, C, H, W); size is (H, W)."""
    height, width = size
    kh, kw = weight.shape[2:]
    raise NotImplementedError("Exercise 3.8")


# %%
check("3.8")

# %% [markdown]
# Nobody should believe a gradient that was not checked. Central differences, as in notebook 01: move one number by a
# small step up and down, and watch the loss, here $L = \sum G \cdot y$ with a random $G$.

# %%
generator = torch.Generator().manual_seed(1)
x, weight, bias, G = (
    torch.randn(*shape, generator=generator, dtype=torch.float64)
    for shape in ((2, 2, 6, 5), (3, 2, 3, 2), (3,), (2, 3, 3, 3))
)


def loss() -> float:
    return float((G * conv2d_matmul(x, weight, bias, stride=2, padding=1)).sum())


def central_differences(values: Tensor, step: float) -> Tensor:
    slopes = torch.zeros_like(values)
    for place in range(values.numel()):
        before = values.view(-1)[place].item()
        ends = []
        for moved in (before + step, before - step):
            values.view(-1)[place] = moved
            ends.append(loss())
        values.view(-1)[place] = before
        slopes.view(-1)[place] = (ends[0] - ends[1]) / (2 * step)
    return slopes


dweight, dbias = conv2d_backward_weight(G, x, (3, 2), stride=2, padding=1)
dx = conv2d_backward_input(G, weight, (6, 5), stride=2, padding=1)
with one_thread():
    for step in (1e-6, 1.0):
        for name, values, gradient in (
            ("weight", weight, dweight),
            ("bias", bias, dbias),
            ("input", x, dx),
        ):
            apart = float((central_differences(values, step) - gradient).abs().max())
            print(f"step {step:g}, {name}: largest difference to central differences {apart:.0e}")

# %% [markdown]
# ### Exercise 3.9: a step of 1
#
# In notebook 01 the step had to be small. Here even a step of 1 agrees, and better than a small one! Why?
#
# - **a** float64 has enough digits for any step
# - **b** the two agree by chance: with other numbers they would not
# - **c** the random $G$ averages the errors away
# - **d** the differences are exact for this loss, whatever the step
#
# Because:
#
# 1. central differences are exact for every smooth function;
# 2. $L$ is linear in the weights, in the bias and in the input, each taken alone;
# 3. padding with zeros makes most terms vanish.

# %%
# Exercise 3.9 (1 point, 4 minutes, difficulty 2)
# q_step: one of "a", "b", "c", "d"; q_step_reason: 1, 2 or 3
q_step = ...
q_step_reason = ...

# %%
check("3.9")


# %% [markdown]
# ## 4. Sizes and parameters
#
# ### Exercise 3.10: the padding that fits
#
# *(Report questions 8 and 9.)* Which padding keeps the size, which halves it? The report solves
# $n' = \frac{n + 2p - k}{s} + 1$ for $p$ and gets $p = \frac{s (n' - 1) - n + k}{2}$. For $k = 3$, $s = 2$ and
# $n' = n/2$ that is $p = 0.5$. Half a pixel?
#
# Your `output_size` rounds down, so more than one padding may do, or none. Find the smallest.

# %%
# Exercise 3.10 (2 points, 10 minutes, difficulty 2)
def padding_for(n: int, kernel: int, stride: int, wanted: int) -> int | None:
    """Return the smallest padding from 0 to kernel - 1 that gives `wanted` outputs; None if there is none."""
    raise NotImplementedError("Exercise 3.10")


# %%
check("3.10")

# %%
for kernel in (1, 2, 3, 4, 5, 7):
    same, half = padding_for(32, kernel, 1, 32), padding_for(32, kernel, 2, 16)
    print(
        f"kernel {kernel}: padding {same} keeps 32 pixels (stride 1), padding {half} halves (stride 2)"
    )

# %% [markdown]
# Odd kernels keep the size with $p = (k-1)/2$; even ones cannot. With the floor, $k = 3$ and $s = 2$ halve with $p = 1$.
#
# ### Exercise 3.11: the report's network
#
# *(Report questions 10 and 11.)* From 32 x 32 x 3: convolution to 32 maps, pooling; convolution to 64 maps, pooling;
# convolution to 64 maps, pooling; fully connected to 1000; fully connected to 10. All convolutions are 5 x 5 and keep
# the size, every pooling halves it. Every layer has biases. How many parameters has each of the five layers, and the
# whole network?

# %%
# Exercise 3.11 (2 points, 10 minutes, difficulty 2)
# a list of five whole numbers, and their sum
q_layers = ...
q_all = ...

# %%
check("3.11")

# %%
network = cnn(generator=torch.Generator().manual_seed(0))
x = torch.zeros(1, 3, 32, 32)
for layer in network:
    x = layer(x)
    parameters = sum(p.numel() for p in layer.parameters())
    print(f"{type(layer).__name__:10} -> {'x'.join(map(str, x.shape[1:])):10} {parameters:9,}")
everything = sum(p.numel() for p in network.parameters())
bare = 32 * 32 * 64 * 1000
print(f"In all {everything:,}.")
print(f"Without the poolings the first fully connected layer would have {bare:,} weights.")

# %% [markdown]
# The report comes to 1 190 160: it has forgotten the biases of the two fully connected layers. And nearly nine out of
# ten parameters sit in *one* of them.
#
# ### Exercise 3.12: is that many?
#
# *(Report question 11.)* The report compares its parameters with the 50 000 training pictures: how many pixels do
# these have in all, and how many numbers (three a pixel)? Neither is what the network is taught with: that is one label
# a picture. How many parameters are there for each label?

# %%
# Exercise 3.12 (1 point, 4 minutes, difficulty 1)
# two whole numbers, and a number with one digit after the point
q_pixels = ...
q_numbers = ...
q_per_label = ...

# %%
check("3.12")

# %% [markdown]
# So many free numbers for each label: it would be a wonder if this network did not over-fit. You will see.
#
# ### Exercise 3.13: the method before
#
# *(Report question 12.)* Before convolutional networks, pictures were classified by *bags of words*. SIFT describes a
# patch of the picture by 128 numbers. 1000 typical patches, found by clustering, are the dictionary of "visual words".
# A picture becomes a histogram: how often does each word occur? Ten linear support vector machines, one a class, each
# with a bias, read that histogram. How many numbers does the dictionary hold? How many parameters have the machines?

# %%
# Exercise 3.13 (1 point, 5 minutes, difficulty 1)
q_dictionary = ...
q_machines = ...

# %%
check("3.13")

# %% [markdown]
# The report writes 10 000 and 10. Here are its counts beside ours, each counted by a program:

# %%
Markdown(ledger.table("A8"))

# %% [markdown]
# ## 5. A fully connected layer is a convolution
#
# The network was made for 32 x 32 pixels. What happens with a larger picture? *(Report question 4.)*

# %%
large = torch.zeros(1, 3, 64, 96)
features = network[:9](large)  # the convolutional part
print(f"the convolutional part: {tuple(large.shape)} -> {tuple(features.shape)}")
try:
    network(large)
except RuntimeError as error:
    print(f"the whole network: {error}")


# %% [markdown]
# The convolutions do not mind: their windows take more places. The fully connected layer wants exactly 1024 inputs.
# (One way out is to give it the mean of each map over all places, 64 numbers whatever the size. Here is another.)
#
# ### Exercise 3.14: the same layer, as a convolution
#
# *(Report questions 5 and 6.)* A fully connected layer on $C$ maps of $H \times W$ *is* a convolution with a kernel of
# $H \times W$, which fits in exactly one place. Write it so, and it can move.
#
# Its weights `linear.weight` are (outputs, C·H·W), in the order in which `flatten` puts the maps.

# %%
# Exercise 3.14 (2 points, 10 minutes, difficulty 2)
def as_convolution(linear: nn.Linear, channels: int, height: int, width: int) -> nn.Conv2d:
    """Return the convolution that does to maps (N, C, height, width) what `linear` does to the flattened maps."""
    raise NotImplementedError("Exercise 3.14")


# %%
check("3.14")

# %% [markdown]
# ### Exercise 3.15: one answer per place
#
# Now the fully connected layers are convolutions of 4 x 4 and 1 x 1, and the network takes pictures of any size. A
# picture of 64 x 96 pixels goes in. How many rows and columns of answers (ten logits each) come out?

# %%
# Exercise 3.15 (1 point, 5 minutes, difficulty 2)
# two whole numbers
q_rows = ...
q_columns = ...

# %%
check("3.15")

# %%
everywhere = nn.Sequential(
    *network[:9],
    as_convolution(network[10], 64, 4, 4),
    nn.ReLU(),
    as_convolution(network[12], 1000, 1, 1),
)
with torch.no_grad():
    x = cifar.test.images[:8].float() / 255
    apart = float((everywhere(x)[:, :, 0, 0] - network(x)).abs().max())
    print(f"32 x 32 pixels: the two networks differ by {apart:.0e}")
    print(f"64 x 96 pixels: {tuple(everywhere(large).shape)}")


# %% [markdown]
# ## 6. What an output sees
#
# An output of the first convolution sees 5 x 5 pixels. The next layer looks at several such outputs, and so on: what
# an output depends on is its *receptive field*.
#
# ### Exercise 3.16: the recursion
#
# *(Report question 7.)* Along one axis, keep three numbers: $n$, how many outputs there are; $j$, the *jump*, how many
# pixels of the picture lie between two neighbouring outputs; $r$, how many pixels one output sees. The picture itself
# has $n$ pixels, $j = 1$ and $r = 1$. A layer with kernel $k$, stride $s$ and padding $p$ makes of them
#
# $$n' = \left\lfloor \frac{n + 2p - k}{s} \right\rfloor + 1 \qquad j' = j\,s \qquad r' = r + (k - 1)\,j$$
#
# The last: $k$ outputs of the layer before, each $j$ pixels further on. For this, a pooling is a layer like any other.

# %%
# Exercise 3.16 (2 points, 10 minutes, difficulty 2)
def receptive_fields(layers: list[tuple[int, int, int]], n: int) -> list[tuple[int, int, int]]:
    """Return (outputs, jump, field) after each of the layers (kernel, stride, padding), for n pixels."""
    found = []
    raise NotImplementedError("Exercise 3.16")
    return found


# %%
check("3.16")

# %%
network_layers = [(5, 1, 2), (2, 2, 0)] * 3
names = [f"{kind} {number}" for number in (1, 2, 3) for kind in ("convolution", "pooling")]
for name, (n, jump, field) in zip(names, receptive_fields(network_layers, 32)):
    print(f"{name:14} {n:2} outputs, {jump} pixels apart, each sees {field:2} pixels")


# %% [markdown]
# The last output would see 36 of 32 pixels! A part of its field lies in the zeros around the picture. Which pixels does
# it really see?
#
# ### Exercise 3.17: ask the gradient
#
# An output sees a pixel if its gradient in that pixel is not zero. In a trained network, zeros may also come from a
# ReLU, from a maximum that another pixel won, or from terms that cancel. So make every layer, poolings too, a
# convolution of one channel with all weights 1 and no bias. Then the gradient counts *in how many ways* the pixel
# reaches the output. The counts grow large, so the image is in float64; the weights must be, too.

# %%
# Exercise 3.17 (3 points, 15 minutes, difficulty 3)
def seen_pixels(layers: list[tuple[int, int, int]], size: int, row: int, column: int) -> Tensor:
    """Return truth values (size, size): which pixels the output (row, column) of the last layer sees."""
    image = torch.zeros(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    raise NotImplementedError("Exercise 3.17")


# %%
check("3.17")

# %%
picture = cifar.train.images[3]
fields, titles = [], []
for depth in range(1, 7):
    outputs, _, field = receptive_fields(network_layers[:depth], 32)[-1]
    middle = outputs // 2
    fields.append(seen_pixels(network_layers[:depth], 32, middle, middle))
    titles.append(f"{names[depth - 1]}: {int(fields[-1].any(dim=0).sum())} of {field}")
widths = [field for _, _, field in receptive_fields(network_layers, 32)]
figure = plots.seen_pixels(
    fields,
    titles=titles,
    picture=picture,
    title=f"What one output sees grows from a width of {widths[0]} pixels to {widths[-1]}; "
    f"{int(fields[-1].any(dim=0).sum())} of these lie inside the picture",
)
plots.show(
    figure,
    alt="Six times the same picture; a coloured square, the pixels that one output of each layer sees, grows from "
    "5 x 5 to nearly the whole picture.",
)

# %% [markdown]
# ### Exercise 3.18: the corner
#
# *(Report question 7.)* Pooling 3 has 4 x 4 outputs, with a field of 36 pixels. How many pixels wide is the part of the
# picture that the output in the corner, (0, 0), really sees? And the next one on the diagonal, (1, 1)? (Think first,
# then ask your `seen_pixels`.)

# %%
# Exercise 3.18 (1 point, 5 minutes, difficulty 2)
# two whole numbers
q_corner = ...
q_next = ...

# %%
check("3.18")

# %% [markdown]
# And to be seen is one thing, to count another. In how many ways does each pixel reach the output?

# %%
from course_utils.experiments.conv_arithmetic import paths_to

depths = (2, 4, 6)
ways = [paths_to(network_layers[:d], height=32, width=32) for d in depths]  # (32, 32) each
times = ways[-1].max() / ways[-1][ways[-1] > 0].min()
figure = plots.seen_pixels(
    ways,
    titles=[names[depth - 1] for depth in depths],
    picture=picture,
    title=f"{names[-1].capitalize()}: the middle of the field reaches the output in {int(times):,} times as many "
    "ways as its corner",
)
plots.show(
    figure,
    alt="The fields of the three poolings, coloured the stronger the more paths lead from a pixel to the output: "
    "strong in the middle, faint at the rim.",
)

# %% [markdown]
# Play: three layers along one line of pixels. What does a stride in the first layer do to the fields above it? What
# does it do in the last? (Hollow: padding.)

# %%
widgets.receptive_field_explorer()


# %% [markdown]
# ## 7. Pooling: a little deafness to shifts
#
# *Max pooling* keeps the largest number of each window of $k \times k$ and drops the rest: where exactly it stood is
# forgotten. The windows do not overlap here, and rows and columns left over at the end are dropped.
#
# ### Exercise 3.19: forward

# %%
# Exercise 3.19 (2 points, 12 minutes, difficulty 2)
def max_pool(x: Tensor, k: int) -> Tensor:
    """Return the largest number of each k x k window of x (N, C, H, W): (N, C, H // k, W // k)."""
    raise NotImplementedError("Exercise 3.19")


# %%
check("3.19")


# %% [markdown]
# ### Exercise 3.20: backward
#
# The output moves with the winner of its window, one to one, and not at all with the losers. So the gradient goes to
# the winner. (No window has two equal largest numbers here.)
#
# A maximum is neither linear nor smooth everywhere: as notebook 01 had it (exercise 1.16), a layer needs a gradient
# almost everywhere, and no more.

# %%
# Exercise 3.20 (3 points, 15 minutes, difficulty 3)
def max_pool_backward(G: Tensor, x: Tensor, k: int) -> Tensor:
    """From G = dL/d(max_pool(x, k)) (N, C, rows, columns) and x (N, C, H, W) return dL/dx (N, C, H, W)."""
    dx = torch.zeros_like(x)
    raise NotImplementedError("Exercise 3.20")
    return dx


# %%
check("3.20")

# %%
generator = torch.Generator().manual_seed(0)
x = torch.randn(2, 3, 7, 6, generator=generator, requires_grad=True)
G = torch.randn(2, 3, 3, 3, generator=generator)
F.max_pool2d(x, 2).backward(G)
same = torch.equal(max_pool(x.detach(), 2), F.max_pool2d(x.detach(), 2))
print(
    f"forward equal to F.max_pool2d: {same}; backward equal to autograd: "
    f"{torch.equal(max_pool_backward(G, x.detach(), 2), x.grad)}"
)

# %% [markdown]
# ### Exercise 3.21: how deaf?
#
# *(Report question 3.)* A single bright pixel lies at a random place in a dark map, away from the border. You shift the
# map by one pixel to the right. With which probability does the output of a 2 x 2 max pooling stay exactly as it was?
# And after **three** poolings in a row, each 2 x 2?

# %%
# Exercise 3.21 (2 points, 6 minutes, difficulty 2)
# two probabilities
q_one_pooling = ...
q_three_poolings = ...

# %%
check("3.21")


# %% [markdown]
# So one pooling is deaf to half of the smallest shifts, and several to more; the price is that after three of them the
# place is known to 8 pixels only. The report adds that pooling saves parameters. It has none itself, and saves none in
# the convolutions: it saves those of the fully connected layer, as you saw in part 4.
#
# ## 8. The network
#
# ### Exercise 3.22: build it
#
# *(Report, section 2.2.)* For each of the three numbers in `widths` a convolution of 5 x 5 that keeps the size, with
# that many maps; a ReLU; a max pooling of 2 x 2. Then flatten; a fully connected layer of `hidden` units; a ReLU; a last
# fully connected layer with a logit for each class. Put all thirteen layers directly into one `nn.Sequential`, in this
# order: part 9 takes them by number. The pictures are 32 x 32 with 3 channels.

# %%
# Exercise 3.22 (3 points, 15 minutes, difficulty 2)
def build_cnn(widths: tuple[int, int, int], hidden: int, classes: int) -> nn.Sequential:
    """Return the network from pictures (N, 3, 32, 32) to logits (N, classes)."""
    raise NotImplementedError("Exercise 3.22")


# %%
check("3.22")

# %% [markdown]
# ### Exercise 3.23: before the first step
#
# *(Report question 17.)* The report finds the error of the first epoch "very high". How high should it be? A network
# with small random weights gives all ten classes about the same probability. Which loss and which accuracy do you
# expect on a test set with equally many pictures of each class?

# %%
# Exercise 3.23 (1 point, 3 minutes, difficulty 1)
# two numbers; the accuracy is a share from 0 to 1
q_start_loss = ...
q_start_accuracy = ...

# %%
check("3.23")


# %% [markdown]
# It pays to know this number: a training that starts at 5 or at 30 has a bug.
#
# ### Exercise 3.24: an epoch
#
# You know this loop from notebook 02. What is new: the pictures stay bytes, `uint8`, a quarter of the memory, and
# only the batch becomes floating point. `centred` does it; it puts the middle of the scale at 0. (Why that helps is a
# matter for notebook 04.)

# %% tags=["setup"]
def centred(images: Tensor) -> Tensor:
    """Turn bytes into numbers from -2 to 2, float32."""
    return images.float() / 63.75 - 2


# %%
# Exercise 3.24 (3 points, 15 minutes, difficulty 2)
def train_epoch(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
    batch_size: int,
    generator: torch.Generator,
) -> float:
    """Take one step of the cross-entropy per batch of `centred` pictures, in training mode.

    The order is drawn with one torch.randperm from `generator`; images are uint8 (N, 3, H, W). Returns the mean over
    all pictures of the loss that each had in its step.
    """
    raise NotImplementedError("Exercise 3.24")


# %%
check("3.24")

# %%
WIDTHS, HIDDEN = pick(
    smoke=((16, 32, 32), 128), laptop=((32, 64, 64), 1000), full=((32, 64, 64), 1000)
)
device = best_device()


def fresh() -> tuple[nn.Sequential, torch.optim.SGD]:
    """Return the network at its start, always the same, and its optimiser."""
    network = build_cnn(WIDTHS, HIDDEN, 10)
    initialise(network, torch.Generator().manual_seed(0))
    network.to(device)
    return network, torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9)


images, labels = cifar.train.images[:128].to(device), cifar.train.labels[:128].to(device)
batch_sizes, seconds = [1, 2, 4, 8, 16, 32], []
for batch_size in batch_sizes:
    trials = []
    for trial in range(2):
        network, optimizer = fresh()
        order = torch.Generator().manual_seed(0)
        with one_thread():
            started = time.perf_counter()
            train_epoch(network, optimizer, images, labels, batch_size, order)
            trials.append(time.perf_counter() - started)
    seconds.append(min(trials))  # the quicker one: less disturbed by whatever else runs
figure = plots.lines(
    batch_sizes,
    {"one epoch": seconds},
    title=f"{len(images)} pictures take {seconds[0]:.2f} s one by one, {seconds[-1]:.2f} s in batches of "
    f"{batch_sizes[-1]}",
    x_name="pictures in a batch",
    y_name="seconds",
    limits=(0, 1.1 * max(seconds)),
)
plots.show(
    figure,
    alt="Seconds of one epoch against the batch size: falling steeply at first, then flat.",
)

# %% [markdown]
# ### Exercise 3.25: larger batches
#
# *(Report question 16.)* The report writes that with too large batches "the computation will be super slow". You go
# from batches of 1 to batches of 32 and change nothing else. What happens to one *epoch*?
#
# - **a** it takes longer, and has fewer steps
# - **b** it takes less time, and has fewer steps
# - **c** it takes less time, and has as many steps
# - **d** it takes as long, and has fewer steps
#
# Because:
#
# 1. a larger batch holds more pictures, and each costs as much as before;
# 2. each picture costs the same arithmetic, but what every *step* costs besides is paid less often;
# 3. a larger batch has a less noisy gradient.

# %%
# Exercise 3.25 (1 point, 3 minutes, difficulty 1)
# q_batch: one of "a", "b", "c", "d"; q_batch_reason: 1, 2 or 3
q_batch = ...
q_batch_reason = ...

# %%
check("3.25")

# %% [markdown]
# It goes on like this until the processor is kept busy all the time; a GPU needs larger batches for that. But faster
# epochs are not faster learning: with fewer steps of the same length you get less far. And memory grows with the batch.
#
# ### Learn
#
# `fit` of the course is your loop with a few more options: it moves the data to the device, calculates with 16 bits
# where that is faster, measures the test set after every epoch, and shows how long it still takes. The training loss
# that it records is, like yours, the mean over the steps of the epoch.
#
# At scale `smoke` you train a narrow network on 1000 pictures.

# %%
count = pick(smoke=1000, laptop=50_000, full=50_000)
train = Split(cifar.train.images[:count], cifar.train.labels[:count])
test_count = pick(smoke=500, laptop=10_000, full=10_000)
test = Split(cifar.test.images[:test_count], cifar.test.labels[:test_count])
batch_size, epochs = pick(smoke=(32, 16), laptop=(128, 12), full=(128, 30))


def learn(network, optimizer, train: Split, epochs: int, test: Split | None = None) -> History:
    """Train with the settings of this part."""
    options = {"batch_size": batch_size, "preprocess": centred}
    order = torch.Generator().manual_seed(0)
    return fit(
        network, train, test, epochs=epochs, optimizer=optimizer, generator=order, **options
    )


network, optimizer = fresh()
history = learn(network, optimizer, train, epochs, test)
best = min(range(epochs), key=lambda e: history.test_loss[e])  # place of the lowest test loss
figure = plots.curves(
    history,
    title=f"The test loss is lowest after epoch {history.epochs[best]}; from there the training accuracy goes from "
    f"{history.train_accuracy[best]:.0%} to {history.train_accuracy[-1]:.0%}, the test accuracy from "
    f"{history.test_accuracy[best]:.0%} to {history.test_accuracy[-1]:.0%}{note}",
)
plots.show(
    figure,
    alt="Loss and accuracy against epochs: both losses fall together at first; then the test loss rises again while "
    "the training loss keeps falling.",
)

# %% [markdown]
# This is *over-fitting*: what the network still learns is true of the training pictures only. The report sees it from
# epoch 6 or 7 on. What the real pictures say, over several seeds (with the report's network, and pixels from 0 to 1):

# %%
Markdown(ledger.table("A9"))

# %% [markdown]
# ### Exercise 3.26: better on pictures it has never seen?
#
# *(Report question 14.)* In the first epochs the test loss often lies **below** the training loss: look at yours. Both
# are means over pictures; how can this be?
#
# - **a** the training loss is a mean over the whole epoch, the test loss is measured at its end
# - **b** the test pictures are easier
# - **c** measuring the test loss has trained the network on the test pictures
# - **d** the training loss is a sum over the batch, the test loss a mean
#
# Because:
#
# 1. the losses of the early steps come from a network that had learned less;
# 2. there are fewer test pictures;
# 3. in evaluation mode the parameters are better.

# %%
# Exercise 3.26 (1 point, 4 minutes, difficulty 2)
# q_below: one of "a", "b", "c", "d"; q_below_reason: 1, 2 or 3
q_below = ...
q_below_reason = ...

# %%
check("3.26")

# %% [markdown]
# The report names one difference between training and evaluation, that nothing is updated in evaluation. This is the
# other one; a third comes with dropout and batch normalisation, in notebook 04.
#
# ### Exercise 3.27: the loss rises, the accuracy stays
#
# *(Report question 18.)* When a network over-fits, the test loss rises first, often long before the test accuracy
# falls. Why?
#
# - **a** the loss is measured on other pictures than the accuracy
# - **b** the learning rate is too small
# - **c** the network becomes surer, of its errors too
# - **d** the accuracy is rounded to whole per cent
#
# Because:
#
# 1. $-\log p$ of the true class grows without limit as $p$ goes to 0, while the accuracy counts an error once, however
#    sure it was;
# 2. the accuracy is a mean over fewer pictures;
# 3. the loss also counts the size of the weights.

# %%
# Exercise 3.27 (1 point, 4 minutes, difficulty 2)
# q_rises: one of "a", "b", "c", "d"; q_rises_reason: 1, 2 or 3
q_rises = ...
q_rises_reason = ...

# %%
check("3.27")

# %% [markdown]
# ### Fewer pictures, and no neighbours
#
# Two things to compare with. First the same network, after as many steps, on a quarter of the pictures, each seen four
# times as often: in notebook 01 (exercise 1.2) you said what more examples shrink, the variance and not the bias. Then
# the question of the beginning: a fully connected network with about as many parameters.

# %%
few = Split(train.images[: count // 4], train.labels[: count // 4])
network_few, optimizer = fresh()
learn(network_few, optimizer, few, 4 * epochs)

hidden = round(sum(p.numel() for p in network.parameters()) / (3072 + 1 + 10))
flat = nn.Sequential(nn.Flatten(), nn.Linear(3072, hidden), nn.ReLU(), nn.Linear(hidden, 10))
initialise(flat, torch.Generator().manual_seed(0))
flat.to(device)
learn(flat, torch.optim.SGD(flat.parameters(), lr=0.02, momentum=0.9), train, epochs)

print(f"{'':52} training accuracy  test accuracy")
for name, trained, seen in (
    (f"convolutions, {count} pictures", network, train),
    (f"convolutions, {len(few)} pictures", network_few, few),
    (f"fully connected, {hidden} hidden units, {count} pictures", flat, train),
):
    (_, on_train), (_, on_test) = (
        measure(trained, part, preprocess=centred) for part in (seen, test)
    )
    print(f"{name:52} {on_train:17.1%} {on_test:14.1%}")

# %% [markdown]
# What the training accuracy is above the test accuracy is learned by heart.
#
# ## 9. What has it learned?
#
# The filters of the first convolution have three channels: they are small colour pictures.

# %%
first = network[0].weight.detach()  # (maps, 3, 5, 5)
start = fresh()[0][0].weight.detach()
moved = float((first - start).norm() / start.norm())
figure = plots.images(
    plots.as_pictures(first[:32], signed=True),
    title=f"The filters of the first convolution: training has moved them by {moved:.0%} of their size{note}",
)
plots.show(figure, alt="The filters of the first layer as tiny pictures; middle grey is 0.")

# %% [markdown]
# One picture on its way through the network: some maps after each ReLU. The deeper, the coarser.

# %%
shown = 5
x = centred(cifar.test.images[shown : shown + 1].to(device))
maps, sides = [], []
with torch.no_grad():
    for layer in network[:9]:
        x = layer(x)
        if isinstance(layer, nn.ReLU):
            strongest = x[0].amax(dim=(1, 2)).argsort(descending=True)[:8]
            maps.append(F.interpolate(x[:, strongest].cpu().float(), size=32)[0])  # (8, 32, 32)
            sides.append(x.shape[-1])
figure = plots.images(
    plots.as_pictures(torch.cat(maps)),
    titles=[f"{side} x {side}" for side in sides for _ in range(8)],
    title=f"The eight strongest maps after each ReLU, for a picture of class {cifar.classes[cifar.test.labels[shown]]}",
)
plots.show(
    figure,
    alt="Three rows of eight grey maps: in the first the picture is recognised, the last are a few bright squares.",
)

# %% [markdown]
# And is the network deaf to small shifts? Shift test pictures and see how much the output of each block changes.

# %%
x = centred(cifar.test.images[:100].to(device))
shifts = range(9)
blocks = {"pixels": 0, "block 1 (16 x 16)": 3, "block 2 (8 x 8)": 6, "block 3 (4 x 4)": 9}
changes = {name: [] for name in blocks}
with torch.no_grad():
    for name, depth in blocks.items():
        before = network[:depth](x)
        for shift in shifts:
            after = network[:depth](x.roll(shift, dims=3))
            changes[name].append(float((after - before).norm() / before.norm()))
figure = plots.lines(
    list(shifts),
    changes,
    title=f"A shift by one pixel changes the pixels by {changes['pixels'][1]:.0%} of their size, the last maps by "
    f"{changes['block 3 (4 x 4)'][1]:.0%}",
    x_name="shift in pixels",
    y_name="change, relative to the size",
)
plots.show(
    figure,
    alt="Relative change against the shift for the pixels and for the outputs of the three blocks.",
)

# %% [markdown]
# ## 10. What you have now
#
# - A convolution in three forms, its gradient by hand, and a check that believes nobody.
# - The arithmetic: how many outputs, how many parameters, what an output sees.
# - Four slips of the report, found by counting and by measuring: two layers without their biases, half a pixel of
#   padding, a dictionary without its 128 numbers a word, and large batches that are not slow.
# - A network that begins to learn its training pictures by heart. Notebook 04 is about what to do against it.

# %%
progress("03")
