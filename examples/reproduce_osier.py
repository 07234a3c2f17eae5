# %% [markdown]
# # Osier's experiment
# Osier (2022) trained the smallest networks by plain SGD and found in some of them the features that he had derived
# by hand. Here the same training, draw for draw, with ten seeds a function; and what an untrained network would show.

# %%
from mathcircuits.detect import analyse, prevalence
from mathcircuits.models import hand_derived, tasks, train

SEEDS = range(8)
SOLVED = 1e-4  # mean squared error; the plots in Osier's notebook show no less
STEPS = {"minimum": 3000}  # his notebook took 10 000; the docs reproduce the whole experiment

# %% [markdown]
# How many seeds find the function, and what do the neurons of one of them hold? `vacuous` is what an untrained
# neuron of this shape would match as well: with one input and no bias that is every neuron.

# %%
for name in ("identity", "negation", "absolute", "addition", "subtraction", "minimum"):
    task = tasks[name]
    runs = train(name, hidden=task.smallest, seeds=SEEDS, regimen="osier", steps=STEPS.get(name))
    solved = [k for k, loss in enumerate(runs.losses) if loss < SOLVED]
    share = prevalence(len(solved), len(runs))
    print(f"{task.text}: {len(solved)} of {len(runs)} solved it ({share.low:.2f} to {share.high:.2f})")
    if solved:
        reading = analyse(runs[solved[0]], task=name, init="uniform")
        for row in reading.neurons.itertuples():
            print(f"    {row.feature}({', '.join(row.on)})  unexplained {row.unexplained:.1e}  {row.status}")
        print(f"    formula {reading.formula}, off by at most {reading.certificate.upper:.1e}")

# %% [markdown]
# The network that was derived by hand, read in the same way: its error is rounding.

# %%
derived = analyse(hand_derived("minimum"), task="minimum", init="uniform")
print(f"by hand: {derived.formula}, off by at most {derived.certificate.upper:.0e}")
