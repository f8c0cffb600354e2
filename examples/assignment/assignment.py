# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Three functions
#
# Three small exercises, 10 points. Fill in the cells that begin with `# Exercise`.

# %% tags=["setup"]
import numpy as np

from course_utils.exercises import check

# %% [markdown]
# ### Exercise ex1: mean of absolute values
#
# Write `mean_abs(xs)`: the mean of the absolute values of a list; 0 for an empty list.


# %%
# Exercise ex1 (2 points, 5 minutes, difficulty 1)
def mean_abs(xs):
    """Return the mean of |x| over a list of numbers, 0 for an empty list."""
    ### BEGIN SOLUTION
    return sum(abs(x) for x in xs) / len(xs) if len(xs) else 0
    ### END SOLUTION


# %%
check("ex1")

# %% [markdown]
# ### Exercise ex2: standardise
#
# Write `standardize(a)`: zero mean, unit (population) standard deviation; zeros if all numbers are equal.


# %%
# Exercise ex2 (3 points, 10 minutes, difficulty 1)
def standardize(a):
    """Return an array like `a` with mean 0 and standard deviation 1; zeros where `a` is constant."""
    ### BEGIN SOLUTION
    a = np.asarray(a, float)
    s = a.std()
    return (a - a.mean()) / s if s > 0 else np.zeros_like(a)
    ### END SOLUTION


# %%
check("ex2")

# %% [markdown]
# ### Exercise ex3: softmax
#
# Write a numerically stable `softmax(x)` for a vector: no scores, however large, may give `inf` or `nan`.


# %%
# Exercise ex3 (5 points, 15 minutes, difficulty 2)
def softmax(x):
    """Return e^x / sum of e^x, positive numbers that add up to 1."""
    ### BEGIN SOLUTION
    x = np.asarray(x, float)
    e = np.exp(x - x.max())
    return e / e.sum()
    ### END SOLUTION


# %%
check("ex3")
