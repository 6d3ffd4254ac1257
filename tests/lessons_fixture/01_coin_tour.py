# %% [markdown]
# # Is this coin fair?
#
# {{badges}}

# %% [markdown]
# ## What you will do
#
# Toss a coin, count, and say how sure you are. You need [the lesson itself](01_coin_tour.ipynb) and nothing else.
#
# ### What you will learn
#
# - to put an interval on a proportion
# - to tell luck from a bias

# %% [markdown]
# ## Set-up

# %%
import random
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pandas as pd

checks = SimpleNamespace(ex_01_1=lambda function: function, written=print)
quiz = SimpleNamespace(check=print)

# %% [markdown]
# ## Parameters

# %% tags=["parameters"]
SEED = 0  # which tosses you get
TOSSES = 200  # how many
BIAS = 0.5  # how often heads comes up

# %% [markdown]
# What the parameters come to:

# %%
pd.DataFrame({"value": {"seed": SEED, "tosses": TOSSES, "bias": BIAS}})

# %% [markdown]
# ## Recap
#
# This is the first lesson.

# %% [markdown]
# ## Predict first
#
# How far from a half can a fair coin come in 200 tosses? Write a number down.

# %% [markdown]
# ## Look at the data

# %%
toss = random.Random(SEED)
heads = [toss.random() < BIAS for _ in range(TOSSES)]
sum(heads)

# %% [markdown]
# The share of heads $\hat p = k / n$ has the standard error
#
# $$\sqrt{\frac{\hat p (1 - \hat p)}{n}}$$
#
# and about two of them make a 95 % interval.

# %%
share = sum(heads) / TOSSES
error = (share * (1 - share) / TOSSES) ** 0.5
print(f"share {share:.3f}, standard error {error:.3f}")

# %% [markdown]
# Where does the running share settle?

# %%
running = [sum(heads[: n + 1]) / (n + 1) for n in range(TOSSES)]
fig, ax = plt.subplots(figsize=(7, 2.6))
ax.plot(running)
ax.axhline(0.5, color="0.6", lw=1)
ax.set(xlabel="tosses", ylabel="share of heads", ylim=(0, 1))
plt.show()

# %% [markdown]
# Early on it swings; later it hardly moves.

# %% [markdown]
# Is that what you wrote down?

# %% [markdown]
# ## Exercises
#
# Write the interval yourself.


# %% tags=["exercise-01.1"]
def my_interval(k, n, z=1.96):
    """Return the lower and upper bound of a proportion's interval.

    Wald's is enough here.
    """
    # <solution>
    p = k / n
    half = z * (p * (1 - p) / n) ** 0.5
    return p - half, p + half
    # </solution>


# %%
my_interval = checks.ex_01_1(my_interval)

# %%
checks.written("01.2", prediction="", result="")
checks.written("01.3", question="")

# %% [markdown]
# {{quiz}}

# %% tags=["quiz"]
quiz.check("01", a="2", b="1")

# %% [markdown]
# ## What can go wrong
#
# > Looking again and again until the interval leaves a half.

# A share is not a probability.
#
# ## The report's numbers beside ours

# %% [markdown] tags=["claim"]
# The report says: 73 % heads, an AUC of 0.9.
#
# | who | share |
# |---|---|
# | the report | see above |
# | ours | printed above |

# %%
pd.DataFrame({"reported": [0.73], "ours": [round(share, 3)]}, index=["share of heads"])

# %% [markdown]
# ## Take-aways
#
# - you put an interval on a proportion
# - you told luck from a bias

# %% [markdown]
# ## Next
#
# Two coins.

# %% [markdown]
# ## References
#
# - Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference.
