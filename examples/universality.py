# %% [markdown]
# # Is it universal?
# Forty seeds learn the minimum of two numbers at its smallest width. What do those that solve it share, and what may
# be said about all seeds from these? The same grid as a TOML file is `mathcircuits study CONFIG.toml --out DIR`.

# %%
import tempfile

from mathcircuits.detect import verdict
from mathcircuits.reports import run_study

grid = {"tasks": ["minimum"], "widths": ["1x"], "seeds": 40, "regimens": ["adam"]}
study = run_study(grid, tempfile.mkdtemp(), progress=False)
(success,) = study.tables["success"].itertuples()
print(f"{success.solved} of {success.n} seeds solve it")

# %% [markdown]
# Rows that are not oriented count a feature up to the task's symmetries (here the swap of the inputs), oriented ones
# take the arguments as they are. Beside each share stands what untrained networks of this shape have by chance.

# %%
features = study.tables["prevalence"]
for row in features[features["found"] > 0].itertuples():
    which = "as it stands" if row.oriented else "either way"
    counts = f"{row.found} of {row.n} (untrained {row.untrained_found} of {row.untrained_n})"
    print(f"{row.feature}({row.on}) {which}: {counts} -> {row.verdict}: {row.reason}")

# %% [markdown]
# And the circuit as a whole: which forms occur?

# %%
print(study.tables["census"][["level", "name", "found", "n", "low", "high"]].to_string(index=False))

# %% [markdown]
# "Inconclusive" is an answer: so many networks cannot tell 0.95 from 1. What would settle it:

# %%
for n in (success.solved, 72, 200):
    print(f"{n} of {n}: {verdict(n, n, untrained=(1, 40)).name}")
