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
# # Notebook 01: Backpropagation by hand
#
# Two rings of points, one inside the other. No straight line separates them; four hidden units can. By the end of
# this notebook you will have built the network that does it, derived every one of its gradients, and checked them
# in two independent ways. There is no autograd until the last check: you are the autograd.
#
# Fill in the cells that begin with `# Exercise`, run them, then run the check below each. A check says at once
# whether you are right and, if not, which mistake it looks like. A wrong answer never blocks you: the notebook goes
# on with ours. Any correct way counts: where one number is asked for, a Python number and a tensor of shape `()` are
# both fine, and `"B"` is as good as `"b"`.
#
# Stuck? `hint("1.3", 1)` points the way, `hint("1.3", 2)` nearly gives the answer, `solution("1.3")` shows it (choices
# and single numbers excepted).
# `progress()` shows where you are; `reset("1.3")` gives an empty cell back. Coming back another day, or skipping ahead?
# Click the cell where you want to go on and choose *Run > Run All Above Selected Cell*.
#
# *The report* is L. Tosato and M. Diez, "Intro to Neural Networks & Convolutional Neural Networks" (RDFIA, TME 2):
# section 1, questions 1 to 17.

# %% tags=["setup"]
import course_utils  # first: it decides how torch's threads wait

import math

import torch
from IPython.display import Markdown
from torch import Tensor

from course_utils import plots, widgets
from course_utils.data import circles
from course_utils.evaluation import ledger
from course_utils.exercises import begin, check, hint, mine, progress, reset, solution
from course_utils.scale import pick
from course_utils.training.devices import one_thread
from course_utils.training.history import History
from course_utils.training.grid import Setting, train_grid

begin("01")

# %% [markdown]
# ## 1. Data: which part may you look at?
#
# You have 200 points to learn from and 1000 to be judged on. Both come from the same rings, drawn by a seeded
# generator, so that everybody who runs this cell gets the same points.

# %% tags=["setup"]
generator = torch.Generator().manual_seed(0)
x_train, labels_train = circles(200, generator, noise=0.1)  # (200, 2), (200,)
x_test, labels_test = circles(1000, generator, noise=0.1)

# %%
figure = plots.points(
    x_train,
    labels_train,
    title="No straight line separates the inner ring from the outer one",
)
plots.show(
    figure,
    alt="200 points in the plane: class 0 on a ring of radius 1, class 1 on a ring of radius 0.5.",
)

# %% [markdown]
# ### Exercise 1.1: what the test set is for
#
# *(Report question 1.)* You train twenty networks with twenty learning rates, keep the one with the best **test**
# accuracy, and report that accuracy. What should you have done?
#
# - **a** Nothing else: the test set was never used for training.
# - **b** Choose the learning rate on a third part, the validation set, and look at the test set once.
# - **c** Choose the learning rate by the training accuracy.
# - **d** Use a larger test set for the choice.
#
# Because:
#
# 1. the parts should have the same size;
# 2. whatever takes part in a choice no longer gives an honest estimate;
# 3. the test examples have entered the gradient.

# %%
# Exercise 1.1 (1 point, 3 minutes, difficulty 1)
# q1: one of "a", "b", "c", "d"; q1_reason: 1, 2 or 3
q1 = ...
q1_reason = ...

# %%
check("1.1")

# %% [markdown]
# ### Exercise 1.2: what more examples buy
#
# *(Report question 2.)* You double the number N of training examples and leave the network as it is. What shrinks?
#
# - **a** mainly the bias
# - **b** mainly the variance
# - **c** both by the same share
# - **d** mainly the share of wrong labels
#
# Because:
#
# 1. the fit depends less on which examples happened to be drawn;
# 2. the network can now express more functions;
# 3. the gradient becomes smaller.
#
# The report answers this question wrongly. You need not.

# %%
# Exercise 1.2 (1 point, 3 minutes, difficulty 2)
# q2: one of "a", "b", "c", "d"; q2_reason: 1, 2 or 3
q2 = ...
q2_reason = ...

# %%
check("1.2")


# %% [markdown]
# ### Exercise 1.3: labels as vectors
#
# The network will answer with one number per class. To compare, write each label as a row with a single 1: label 2
# of 5 classes becomes `[0, 0, 1, 0, 0]`. This is $y$ in all formulas below.

# %%
# Exercise 1.3 (1 point, 5 minutes, difficulty 1)
def one_hot(labels: Tensor, classes: int) -> Tensor:
    """Turn int64 labels (N,) into float32 rows (N, classes) with a single 1."""
    raise NotImplementedError("Exercise 1.3")


# %%
check("1.3")


# %% [markdown]
# ## 2. The network: what does it compute?
#
# $$\tilde h = W_h x + b_h \qquad h = \tanh \tilde h \qquad \tilde y = W_y h + b_y \qquad \hat y = \mathrm{softmax}(\tilde y)$$
#
# Two matrices, two biases, one bend in between. Why the bend?
#
# ### Exercise 1.4: two linear layers are one
#
# *(Report question 3.)* Leave out the tanh. Then $W_2 (W_1 x + b_1) + b_2 = W x + b$ for a single matrix $W$ and a
# single bias $b$. Find them: once you have, you know why a network without activation functions is no deeper than
# one layer.

# %%
# Exercise 1.4 (2 points, 8 minutes, difficulty 2)
def collapse(W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor) -> tuple[Tensor, Tensor]:
    """Return W and b of the one linear layer that equals layer 1 followed by layer 2."""
    raise NotImplementedError("Exercise 1.4")


# %%
check("1.4")

# %% [markdown]
# ### Exercise 1.5: sizes
#
# *(Report question 4.)* With $n_x = 2$ inputs, $n_h = 4$ hidden units and $n_y = 2$ classes: how many numbers does
# training adjust? And which of the three sizes is yours to choose: `"nx"`, `"nh"` or `"ny"`?

# %%
# Exercise 1.5 (1 point, 4 minutes, difficulty 1)
# q4_parameters: a whole number; q4_yours: "nx", "nh" or "ny"
q4_parameters = ...
q4_yours = ...

# %%
check("1.5")

# %% [markdown]
# ### Exercise 1.6: the truth and the answer
#
# *(Report question 5.)* What are $y$ and $\hat y$?
#
# - **a** $y$ is the truth from the data, $\hat y$ the network's answer
# - **b** $y$ is the network's answer, $\hat y$ the truth
# - **c** the same numbers in two notations
# - **d** $y$ holds logits, $\hat y$ probabilities
#
# Because:
#
# 1. $\hat y$ exists only during training;
# 2. $y$ exists for training examples, but not for test examples;
# 3. only $\hat y$ changes when the parameters change.

# %%
# Exercise 1.6 (1 point, 2 minutes, difficulty 1)
# q5: one of "a", "b", "c", "d"; q5_reason: 1, 2 or 3
q5 = ...
q5_reason = ...

# %%
check("1.6")


# %% [markdown]
# ### Exercise 1.7: a place to start
#
# Draw all four tensors from a normal distribution with mean 0 and standard deviation `sd` (the report takes 0.3),
# biases too, **one draw per tensor, in the order Wh, bh, Wy, by**, from the generator that is passed. A matrix has one row per output of
# its layer: $W_h$ is $(n_h, n_x)$.

# %%
# Exercise 1.7 (2 points, 8 minutes, difficulty 2)
def init_params(
    nx: int, nh: int, ny: int, sd: float, generator: torch.Generator
) -> dict[str, Tensor]:
    """Return {"Wh": (nh, nx), "bh": (nh,), "Wy": (ny, nh), "by": (ny,)}, drawn from N(0, sd²)."""
    raise NotImplementedError("Exercise 1.7")


# %%
check("1.7")

# %% [markdown]
# ### Exercise 1.8: why a softmax
#
# *(Report question 6.)* What does the softmax at the end give you?
#
# - **a** outputs that sum to 1, which dividing by the sum would also do
# - **b** another predicted class than the largest logit
# - **c** a probability distribution over exclusive classes
# - **d** outputs for more than two classes, which is all it can do
#
# Because:
#
# 1. each output lies between 0 and 1, and that is all that a distribution needs;
# 2. the outputs are positive and sum to 1, whatever the logits;
# 3. it is faster than comparing logits.

# %%
# Exercise 1.8 (1 point, 2 minutes, difficulty 1)
# q6: one of "a", "b", "c", "d"; q6_reason: 1, 2 or 3
q6 = ...
q6_reason = ...

# %%
check("1.8")


# %% [markdown]
# ### Exercise 1.9: a softmax that cannot overflow
#
# $$\hat y_i = \frac{e^{\tilde y_i}}{\sum_j e^{\tilde y_j}}$$
#
# In float32, $e^{89}$ is already infinite. Yet the formula has a value for every logit: subtracting the same number
# from all logits of a row does not change it. Use that. The check tries logits of 1000.

# %%
# Exercise 1.9 (2 points, 15 minutes, difficulty 2)
def softmax(logits: Tensor) -> Tensor:
    """Turn logits (N, classes) into probabilities (N, classes): no entry is negative, each row sums to 1."""
    raise NotImplementedError("Exercise 1.9")


# %%
check("1.9")

# %% [markdown]
# ### Exercise 1.10: shapes before code
#
# *(Report question 7.)* A batch of 16 points with $n_x = 2$ goes through a network with $n_h = 4$ and, this time,
# **three** classes: $n_y = 3$.
# PyTorch puts the batch first, so `x` is `(16, 2)`. Which shapes have $h$ and the logits $\tilde y$?

# %%
# Exercise 1.10 (1 point, 3 minutes, difficulty 1)
# two tuples, such as (16, 2)
q7_h_shape = ...
q7_logits_shape = ...

# %%
check("1.10")


# %% [markdown]
# ### Exercise 1.11: forward
#
# *(Report question 7, as code.)* Write the four formulas for a whole batch. For rows, $W_h x + b_h$ becomes
# `x @ Wh.T + bh`. Use your `softmax`, and return the three things that the backward pass
# will need, and nothing else.

# %%
# Exercise 1.11 (3 points, 12 minutes, difficulty 2)
def forward(params: dict[str, Tensor], x: Tensor) -> dict[str, Tensor]:
    """Run x (N, nx) through the network.

    Returns {"h": (N, nh), "logits": (N, ny), "probabilities": (N, ny)}.
    """
    raise NotImplementedError("Exercise 1.11")


# %%
check("1.11")

# %% [markdown]
# Before any training, the network already draws a boundary. It is simply not a useful one.

# %%
params = init_params(2, 4, 2, 0.3, torch.Generator().manual_seed(6))
figure = plots.decision_boundary(
    lambda x: forward(params, x)["logits"],
    x_train,
    labels_train,
    title="Untrained: the boundary has nothing to do with the rings",
)
plots.show(
    figure,
    alt="The two rings over the two regions that an untrained network assigns to the classes.",
)

# %% [markdown]
# ## 3. The loss: how wrong is it?
#
# $$\ell(y, \hat y) = -\sum_i y_i \log \hat y_i$$
#
# ### Exercise 1.12: two losses to remember
#
# *(Report question 8.)* The loss falls as $\hat y$ approaches $y$. What is it when the true class gets the
# probability 0.8? And when the network knows nothing and gives each of **10** classes the same probability? Use the
# natural logarithm; three digits are enough. (You will meet the second number at the start of every training run.)

# %%
# Exercise 1.12 (1 point, 4 minutes, difficulty 1)
q8_confident = ...
q8_uniform = ...

# %%
check("1.12")

# %% [markdown]
# ### Exercise 1.13: why not the squared error
#
# *(Report question 9.)* Why is cross-entropy preferred for classification?
#
# - **a** it approaches zero as the answer becomes right, the squared error does not
# - **b** the squared error of probabilities is not defined
# - **c** it is cheaper to compute
# - **d** it still learns from examples that are confidently wrong
#
# Because:
#
# 1. it is bounded;
# 2. its gradient in the logits stays large while the answer is wrong; the squared error's vanishes where the softmax
#    saturates;
# 3. it makes the loss convex in the weights.

# %%
# Exercise 1.13 (1 point, 4 minutes, difficulty 2)
# q9: one of "a", "b", "c", "d"; q9_reason: 1, 2 or 3
q9 = ...
q9_reason = ...

# %%
check("1.13")

# %% [markdown]
# You can see it. Take two classes, the true class with a logit far below the other's, and compare the two gradients.

# %%
margin = torch.linspace(-8, 8, 161)  # logit of the true class minus the other's
probability = torch.sigmoid(margin)
size_cross_entropy = 1 - probability
size_squared_error = 4 * (1 - probability) * probability * (1 - probability)
ratio = float(size_cross_entropy[0] / size_squared_error[0])
figure = plots.lines(
    margin,
    {"cross-entropy": size_cross_entropy, "squared error": size_squared_error},
    title=f"Confidently wrong (left): cross-entropy pushes {ratio:.0f} times harder than the squared error",
    x_name="logit of the true class minus the other's",
    y_name="size of the gradient",
)
plots.show(
    figure,
    alt="Size of the gradient against the margin: cross-entropy's stays near 1 for wrong examples, the squared "
    "error's falls to 0 on both sides.",
)


# %% [markdown]
# ### Exercise 1.14: the loss in terms of logits
#
# *(Report question 14.)* Put the softmax into the loss and simplify. Because $\sum_i y_i = 1$ you should arrive at
#
# $$\ell = -\sum_i y_i \tilde y_i + \log \sum_j e^{\tilde y_j}$$
#
# Write it as code for **one** example: `y` and `logits` are vectors here, so sums run over `dim=0`. `torch.logsumexp`
# is the second term, and cannot overflow. The report's equations (5) and (6) have slips on the way: (5) mixes the indices,
# and (6) multiplies the logarithm by $\tilde y_i$ instead of $y_i$. Below the check you can see what that costs.

# %%
# Exercise 1.14 (2 points, 12 minutes, difficulty 2)
def loss_from_logits(y: Tensor, logits: Tensor) -> Tensor:
    """Return the cross-entropy of one example from its one-hot label y (ny,) and its logits (ny,)."""
    raise NotImplementedError("Exercise 1.14")


# %%
check("1.14")

# %%
y, logits = torch.tensor([0.0, 1.0, 0.0]), torch.tensor([0.5, 2.0, -1.0])
by_definition = float(-(y * torch.softmax(logits, dim=0).log()).sum())
equation_6 = float(-(y * logits - logits * torch.logsumexp(logits, dim=0)).sum())
print(
    f"by definition {by_definition:.4f}   yours {float(loss_from_logits(y, logits)):.4f}   ",
    end="",
)
print(f"equation (6) as printed {equation_6:.4f}")


# %% [markdown]
# ### Exercise 1.15: loss and accuracy of a batch
#
# The mean of the loss over the rows, and the share of rows whose largest logit is at the label. Work from the
# logits: a probability that rounds to 0 has no logarithm. The line for the log-probabilities is given.

# %%
# Exercise 1.15 (2 points, 15 minutes, difficulty 2)
def loss_accuracy(outputs: dict[str, Tensor], labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean cross-entropy and the accuracy (0 to 1) for outputs of `forward` and labels (N,)."""
    log_probabilities = outputs["logits"] - torch.logsumexp(
        outputs["logits"], dim=1, keepdim=True
    )  # (N, ny)
    raise NotImplementedError("Exercise 1.15")


# %%
check("1.15")

# %%
loss, accuracy = loss_accuracy(forward(params, x_train), labels_train)
print(f"untrained: loss {float(loss):.3f} (log 2 = 0.693), accuracy {float(accuracy):.2f}")

# %% [markdown]
# ## 4. Gradients: in which direction is better?
#
# ### Exercise 1.16: what a layer must offer
#
# *(Report question 13.)* What must every layer and activation satisfy for backpropagation to work?
#
# - **a** it must be linear
# - **b** it must be invertible
# - **c** it must be differentiable, almost everywhere, with a derivative we can compute
# - **d** it must be convex
#
# Because:
#
# 1. the chain rule multiplies derivatives from layer to layer;
# 2. otherwise the loss has several minima;
# 3. otherwise the forward pass cannot be computed.
#
# The report answers "linear". Exercise 1.4 has shown what would be left of a network then.

# %%
# Exercise 1.16 (1 point, 3 minutes, difficulty 1)
# q13: one of "a", "b", "c", "d"; q13_reason: 1, 2 or 3
q13 = ...
q13_reason = ...

# %%
check("1.16")

# %% [markdown]
# ### Exercise 1.17: what a gradient costs
#
# *(Report question 12.)* You could measure each derivative by moving one parameter up and down a little (a *central
# difference*). How many forward passes does that take for all the parameters of exercise 1.5? And how many backward
# passes does backpropagation need for all of them?

# %%
# Exercise 1.17 (1 point, 3 minutes, difficulty 1)
# two whole numbers
q12_passes = ...
q12_backward = ...

# %%
check("1.17")


# %% [markdown]
# ### Exercise 1.18: the gradient at the logits
#
# *(Report question 15.)* Differentiate the loss of exercise 1.14 with respect to each $\tilde y_i$. The result is
# so short that you will remember it. (Your `softmax` takes rows; for the vector of one example there is
# `torch.softmax(logits, dim=0)`.)

# %%
# Exercise 1.18 (2 points, 12 minutes, difficulty 2)
def gradient_logits(y: Tensor, logits: Tensor) -> Tensor:
    """Return the gradient (ny,) of one example's loss in its logits, from y (ny,) one-hot and logits (ny,)."""
    raise NotImplementedError("Exercise 1.18")


# %%
check("1.18")


# %% [markdown]
# ### Exercise 1.19: the gradient of the output weights
#
# *(Report question 16.)* $\tilde y_i = \sum_j W_{y,ij} h_j + b_{y,i}$. Which $\tilde y$ depends on $W_{y,ij}$, and
# how? With $\delta$ for the gradient of the last exercise, write the whole matrix at once. The report's equation (10)
# keeps a sum over $k$ that should have collapsed to one term.
#
# (The gradient of $b_y$, which the report leaves out, is $\delta$ itself.)

# %%
# Exercise 1.19 (2 points, 8 minutes, difficulty 2)
def gradient_Wy(y: Tensor, logits: Tensor, h: Tensor) -> Tensor:
    """Return the gradient (ny, nh) of one example's loss in Wy, from y (ny,), logits (ny,) and h (nh,)."""
    raise NotImplementedError("Exercise 1.19")


# %%
check("1.19")


# %% [markdown]
# ### Exercise 1.20: through the tanh
#
# *(Report question 17.)* Now to the hidden layer. Hidden unit $i$ feeds **every** output, so its gradient collects
# from all of them:
#
# $$\frac{\partial \ell}{\partial \tilde h_i} = (1 - h_i^2) \sum_k \delta_k W_{y,ki} \qquad
# \frac{\partial \ell}{\partial W_{h,ij}} = \frac{\partial \ell}{\partial \tilde h_i} x_j \qquad
# \frac{\partial \ell}{\partial b_{h,i}} = \frac{\partial \ell}{\partial \tilde h_i}$$
#
# The report prints $1 - \tan^2$ for the derivative of $\tanh$ and loses the sum over $k$. First convince yourself
# that $\tanh' = 1 - \tanh^2$, then write the three gradients.

# %%
# Exercise 1.20 (3 points, 20 minutes, difficulty 3)
def gradients_hidden(
    y: Tensor, logits: Tensor, h: Tensor, Wy: Tensor, x: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return one example's gradients in h_tilde (nh,), Wh (nh, nx) and bh (nh,), from h (nh,) and x (nx,)."""
    raise NotImplementedError("Exercise 1.20")


# %%
check("1.20")


# %% [markdown]
# ### Exercise 1.21: backward
#
# Put it together for a batch. The loss is the *mean* over the rows, so $\delta$ starts with a factor $1/N$; after
# that, a matrix product with `.T` sums over the rows for you. (`loss.backward()` is out of
# order while these checks run: you are the autograd.)

# %%
# Exercise 1.21 (4 points, 25 minutes, difficulty 3)
def backward(
    params: dict[str, Tensor], x: Tensor, outputs: dict[str, Tensor], labels: Tensor
) -> dict[str, Tensor]:
    """Return the gradient of the mean loss in each of Wh, bh, Wy and by, in their shapes."""
    raise NotImplementedError("Exercise 1.21")


# %%
check("1.21")


# %% [markdown]
# ## 5. Is the gradient right?
#
# A wrong gradient often still descends, only worse. So never trust one that you have not checked. You have two
# witnesses: differences, which know no calculus, and autograd, which knows no typing errors.
#
# ### Exercise 1.22: central differences
#
# $$\frac{\partial \ell}{\partial w} \approx \frac{\ell(w + \varepsilon) - \ell(w - \varepsilon)}{2 \varepsilon}$$
#
# `loss()` reads the parameter's present values. Change one entry at a time **in place**, and leave the parameter as
# you found it. Keep its dtype.

# %%
# Exercise 1.22 (3 points, 25 minutes, difficulty 3)
def numerical_gradient(loss, parameter: Tensor, step: float = 1e-4) -> Tensor:
    """Return the gradient of loss() in `parameter` by central differences; `parameter` ends as it began."""
    raise NotImplementedError("Exercise 1.22")


# %%
check("1.22")


# %% [markdown]
# ### Exercise 1.23: how different is too different?
#
# Two gradients never agree to the last digit. Return the largest absolute difference, divided by the largest
# absolute entry of `exact`: one number that says whether the two are the same.

# %%
# Exercise 1.23 (1 point, 5 minutes, difficulty 1)
def compare_gradients(exact: Tensor, approximate: Tensor) -> Tensor:
    """Return the largest absolute difference relative to the largest absolute entry of `exact`."""
    raise NotImplementedError("Exercise 1.23")


# %%
check("1.23")

# %% [markdown]
# Now the trial. In float64, so that rounding does not hide anything.

# %%
params64 = {
    name: value.double()
    for name, value in init_params(2, 4, 2, 0.3, torch.Generator().manual_seed(1)).items()
}
x64 = x_train[:32].double()  # (32, 2)


def loss64() -> Tensor:
    return loss_accuracy(forward(params64, x64), labels_train[:32])[0]


by_hand = backward(params64, x64, forward(params64, x64), labels_train[:32])

leaves = {name: value.clone().requires_grad_() for name, value in params64.items()}
torch.nn.functional.cross_entropy(forward(leaves, x64)["logits"], labels_train[:32]).backward()

print("          exact (yours)   differences     autograd    largest relative difference to each")
for name, exact in by_hand.items():
    differences, autograd = numerical_gradient(loss64, params64[name]), leaves[name].grad
    first = [float(g.view(-1)[0]) for g in (exact, differences, autograd)]
    to_differences, to_autograd = (
        compare_gradients(exact, differences),
        compare_gradients(exact, autograd),
    )
    print(
        f"{name}[0]  " + "  ".join(f"{v:13.8f}" for v in first),
        f"   {to_differences:.1e}   {to_autograd:.1e}",
    )

# %% [markdown]
# And the report's equations (12) and (14), as printed? The same trial, for one example.

# %%
h, logits = (forward(params64, x64)[name][0] for name in ("h", "logits"))
y, Wy = one_hot(labels_train[:1], 2)[0].double(), params64["Wy"]
delta = torch.softmax(logits, dim=0) - y
printed_wh = torch.outer(Wy[0] * delta[0] * (1 - torch.tan(torch.atanh(h)) ** 2), x64[0])
loss_of_one = lambda: loss_from_logits(y, forward(params64, x64[:1])["logits"][0])  # noqa: E731
measured_wh = numerical_gradient(loss_of_one, params64["Wh"])
right_wh = gradients_hidden(y, logits, h, Wy, x64[0])[1]
print(
    f"Wh, equations (12) and (14) as printed: off by {compare_gradients(measured_wh, printed_wh):.0%} of its size"
)
print(
    f"Wh, with the sum and with tanh:         off by {compare_gradients(measured_wh, right_wh):.1e} of its size"
)

# %% [markdown]
# ## 6. Descent
#
# ### Exercise 1.24: mini-batches
#
# *(Report question 10.)* All examples per step is exact but slow, one is fast but noisy; the compromise is a
# mini-batch. With 200 training points and batches of 16, how many updates are there in an epoch in which **every
# example is used once**? How many examples are in the last batch?

# %%
# Exercise 1.24 (1 point, 3 minutes, difficulty 1)
# two whole numbers
q10_updates = ...
q10_last = ...

# %%
check("1.24")

# %% [markdown]
# ### Exercise 1.25: the largest learning rate
#
# *(Report question 11.)* Near a minimum a smooth loss looks like $\frac{1}{2} a w^2$ with some curvature $a$. One step
# of gradient descent makes $w \leftarrow w - \eta a w$. Take $a = 4$: above which learning rate $\eta$ does $|w|$
# grow instead of shrink?

# %%
# Exercise 1.25 (1 point, 5 minutes, difficulty 2)
q11_limit = ...

# %%
check("1.25")


# %% [markdown]
# ### Exercise 1.26: one step
#
# Move every parameter against its gradient. Afterwards the caller's dictionary must hold the new values; nothing
# needs to be returned.

# %%
# Exercise 1.26 (2 points, 5 minutes, difficulty 1)
def sgd_step(
    params: dict[str, Tensor], gradients: dict[str, Tensor], learning_rate: float
) -> None:
    """Change `params` in place: each parameter minus learning_rate times its gradient."""
    raise NotImplementedError("Exercise 1.26")


# %%
check("1.26")


# %% [markdown]
# ### Exercise 1.27: shuffled batches
#
# An epoch shows every example once; the next call continues with the same generator, so its order is another one.
# Return (or yield) tensors of row numbers; the last may be shorter.

# %%
# Exercise 1.27 (2 points, 8 minutes, difficulty 2)
def batches(n: int, batch_size: int, generator: torch.Generator):
    """Return the row numbers 0 ... n-1, shuffled by one `torch.randperm`, in pieces of batch_size."""
    raise NotImplementedError("Exercise 1.27")


# %%
check("1.27")


# %% [markdown]
# ### Exercise 1.28: one epoch
#
# For each batch: forward, loss, backward, step. Return the mean of the losses of all examples, each taken before its
# own batch's step. **Every example counts the same**: the last batch is smaller.

# %%
# Exercise 1.28 (3 points, 15 minutes, difficulty 3)
def train_epoch(
    params: dict[str, Tensor],
    x: Tensor,
    labels: Tensor,
    batch_size: int,
    learning_rate: float,
    generator: torch.Generator,
) -> float:
    """Train `params` in place for one epoch; return its mean loss, example by example."""
    raise NotImplementedError("Exercise 1.28")


# %%
check("1.28")

# %% [markdown]
# Everything is in place. Watch the boundary close around the inner ring.

# %%
generator = torch.Generator().manual_seed(3)
params = init_params(2, 4, 2, 0.3, generator)
history = History()


def frame():
    return plots.boundary_and_curves(
        lambda x: forward(params, x)["logits"],
        x_train,
        labels_train,
        history,
        test=(x_test, labels_test),
        title=f"Four hidden units after {history.epochs[-1]} epochs: "
        f"test error {1 - history.test_accuracy[-1]:.1%}, test loss {history.test_loss[-1]:.3f}",
    )


with (
    one_thread(),
    plots.LiveFigure(
        alt="Left: the decision boundary over both rings. Middle and right: loss and accuracy falling "
        "and rising with the epochs, train and test close together."
    ) as live,
):
    for epoch in range(151):
        if epoch > 0:
            train_epoch(params, x_train, labels_train, 10, 0.3, generator)
        train = loss_accuracy(forward(params, x_train), labels_train)
        test = loss_accuracy(forward(params, x_test), labels_test)
        history.record(epoch, *map(float, train), *map(float, test))
        live.update(frame)

# %% [markdown]
# ### The report's figure, and ours
#
# The report speaks of "a low error of about 0.15 % (with CrossEntropy loss)". That can be read in three ways: a
# cross-entropy of 0.15, an error rate of 15 %, or one of 0.15 %. The network, the start and the kind of data are the
# report's; it does not say how noisy its circles were or how long it trained. Here is what five seeds say.

# %%
Markdown(ledger.table("A1"))

# %% [markdown]
# So: both losses fall, as the report says. If its 0.15 is a cross-entropy, training passes through it on the way. If
# it is an error of 0.15 %, no epoch of ours comes near it, not even the best one chosen with hindsight: points with
# this much noise overlap.

# %% [markdown]
# ## 7. What the knobs do
#
# Every setting below is a network of its own; all are trained at once, their parameters stacked in one tensor. A run
# whose loss overflows counts as chance, 0.5.

# %%
rates, sizes = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0], [1, 2, 3, 4, 8, 16]
seeds = range(pick(smoke=3, laptop=5, full=20))
settings = [
    Setting(learning_rate=rate, hidden=hidden, seed=seed, batch_size=16)
    for rate in rates
    for hidden in sizes
    for seed in seeds
]
runs = train_grid(
    settings, x_train, labels_train, x_test, labels_test, epochs=100, record_every=100
)
final = torch.tensor([run.test_accuracy[-1] for run in runs]).nan_to_num(0.5)
accuracies = final.view(len(rates), len(sizes), len(seeds)).mean(dim=2)
best = accuracies.argmax()
best_rate, best_size = rates[best // len(sizes)], sizes[best % len(sizes)]
figure = plots.heat_map(
    accuracies,
    row_labels=rates,
    column_labels=sizes,
    row_name="learning rate",
    column_name="hidden units",
    value_name=f"test accuracy, mean of {len(seeds)} seeds",
    title=f"One or two units cannot enclose a ring ({accuracies[:, :2].max():.0%} at best); "
    f"best here: learning rate {best_rate:g} with {best_size} units",
)
plots.show(
    figure,
    alt="Heat map of test accuracy over learning rates 0.01 to 10 and 1 to 16 hidden units.",
)

# %% [markdown]
# Why do two units fail? Each hidden unit bends the plane along one line. Two lines leave every region open; it takes
# at least three to fence something in.
#
# Now the batch size. A small batch makes many noisy steps per epoch, a large one few careful ones. The learning rate
# multiplies the noise with the step. So is there a best batch size?

# %%
batch_sizes, rates = [1, 4, 16, 64, None], [0.03, 0.1, 0.3, 1.0]
settings = [
    Setting(learning_rate=rate, hidden=8, batch_size=size, seed=seed)
    for rate in rates
    for size in batch_sizes
    for seed in range(5)
]
runs = train_grid(
    settings, x_train, labels_train, x_test, labels_test, epochs=100, record_every=100
)
final = torch.tensor([run.test_accuracy[-1] for run in runs]).nan_to_num(0.5)
accuracies = final.view(len(rates), len(batch_sizes), 5).mean(dim=2)
names = [f"{size or 'all'}" for size in batch_sizes]
first, last = accuracies[0], accuracies[-1]
figure = plots.heat_map(
    accuracies,
    row_labels=rates,
    column_labels=names,
    row_name="learning rate",
    column_name="batch size",
    value_name="test accuracy, mean of 5 seeds",
    title=f"No batch size is best by itself: from learning rate {rates[0]:g} to {rates[-1]:g}, batches of 1 "
    f"go from {first[0]:.0%} to {last[0]:.0%}, batches of 64 from {first[3]:.0%} to {last[3]:.0%}",
)
plots.show(
    figure,
    alt="Heat map of test accuracy after 100 epochs over learning rates 0.03 to 1 and batch sizes 1 to all 200.",
)

# %% [markdown]
# Large batches make few steps per epoch, so at a small learning rate they have not come far after 100 epochs. Small
# batches take noisy steps, and a large learning rate makes the noise worse. How badly it can end, you see in the
# weights:

# %%
for size in batch_sizes[:3]:
    chosen = [
        run for run in runs if run.setting.learning_rate == 1.0 and run.setting.batch_size == size
    ]
    weights = [float(run.parameters[-1]["0.weight"].abs().max()) for run in chosen]
    right = [f"{run.test_accuracy[-1]:.2f}" for run in chosen]
    print(
        f"batches of {size:2}: largest |Wh| " + "  ".join(f"{w:7.2g}" for w in weights),
        "  accuracy",
        *right,
    )


# %% [markdown]
# Two ways to be lost. Huge weights saturate the tanh, and next to no gradient passes (the next exercise measures it).
# Zero weights are a trap of another kind: where $W_h$ and $W_y$ both vanish, every gradient but that of $b_y$ is zero
# as well, and no step leads out.
#
# ### Exercise 1.29: saturation
#
# The backward pass multiplies by $1 - h^2$ at every hidden unit. Where $|h|$ is close to 1, next to nothing passes.
# Return, for each hidden unit, the mean over the batch of what it is multiplied by.

# %%
# Exercise 1.29 (2 points, 5 minutes, difficulty 2)
def gradient_passing(h: Tensor) -> Tensor:
    """Return for each hidden unit (nh,) the mean factor 1 - h² over a batch h (N, nh)."""
    raise NotImplementedError("Exercise 1.29")


# %%
check("1.29")

# %%
deviations = [0.001, 0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]
passing = [
    float(
        gradient_passing(
            forward(init_params(2, 8, 2, sd, torch.Generator().manual_seed(0)), x_train)["h"]
        ).mean()
    )
    for sd in deviations
]
settings = [
    Setting(learning_rate=0.3, hidden=8, weight_sd=sd, seed=seed, batch_size=16)
    for sd in deviations
    for seed in range(5)
]
runs = train_grid(
    settings, x_train, labels_train, x_test, labels_test, epochs=30, record_every=30
)
after = (
    torch.tensor([run.test_accuracy[-1] for run in runs])
    .nan_to_num(0.5)
    .view(len(deviations), 5)
    .mean(dim=1)
)
figure = plots.lines(
    deviations,
    {
        "share of the gradient that passes at the start": passing,
        "test accuracy after 30 epochs": after,
    },
    title=f"Start too small: hardly a gradient to begin with ({after[0]:.0%}); too large: saturated, "
    f"{passing[-1]:.0%} of the gradient passes ({after[-1]:.0%})",
    x_name="standard deviation of the initial weights",
    y_name="share",
    log_x=True,
)
plots.show(
    figure,
    alt="Share of the gradient that passes and test accuracy against the initial standard deviation.",
)

# %% [markdown]
# ### Exercise 1.30: all weights equal
#
# Suppose all entries of $W_h$ start equal, all of $b_h$, and all of $W_y$: a network of 10 hidden units. After any
# number of steps of gradient descent, how many *distinct* hidden units are there (units that compute different
# things)? What helps?
#
# - **a** a larger learning rate
# - **b** more hidden units
# - **c** a random start

# %%
# Exercise 1.30 (1 point, 4 minutes, difficulty 2)
# q_distinct: a whole number; q_remedy: "a", "b" or "c"
q_distinct = ...
q_remedy = ...

# %%
check("1.30")

# %% [markdown]
# ## 8. Play
#
# Hidden units, learning rate, epoch: all of these networks were trained a moment ago, in one go. Find the smallest
# one that closes the ring, and a learning rate at which it never settles.

# %%
rates, sizes = [0.03, 0.1, 0.3, 1.0, 3.0], [1, 2, 3, 4, 8, 16]
settings = [
    Setting(learning_rate=rate, hidden=hidden, seed=1, batch_size=16)
    for rate in rates
    for hidden in sizes
]
runs = train_grid(
    settings,
    x_train,
    labels_train,
    x_test,
    labels_test,
    epochs=60,
    record_every=pick(smoke=10, laptop=5, full=2),
    snapshots=True,
)
widgets.boundary_explorer(
    runs,
    x_train,
    labels_train,
    static=[
        {"hidden": hidden, "learning_rate": rate, "epoch": epoch}
        for hidden, rate, epoch in ((4, 0.3, 60), (2, 0.3, 60), (4, 0.3, 10), (4, 3.0, 60))
    ],
)

# %% [markdown]
# ## 9. What you have now
#
# - A network, its loss, its gradients and its training loop, all by hand, all checked.
# - Two ways to catch a wrong gradient, and the habit of using them.
# - The report's slips found, by derivation and by running: variance taken for bias (question 2), "linear" for
#   "differentiable" (13), mixed indices (equation 5), $\tilde y$ for $y$ (6), a stray sum (10), $\tan$ for $\tanh$ and a
#   lost sum (12 to 16), and no gradient for $b_y$.
#
# In notebook 02 PyTorch takes over the backward pass, then the layers, then the optimiser: each time you will show
# that not a single loss changes.

# %%
progress("01")
