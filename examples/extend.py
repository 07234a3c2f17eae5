# %% [markdown]
# # A feature, a circuit and a task of one's own
# Entries are TOML; formulas are parsed by a closed grammar and never run as code. What stands here for one script is
# kept for all of them by `mathcircuits add FILE`.

# %%
import tempfile
from pathlib import Path

from mathcircuits.detect import Catalogue, Circuits, Task, analyse, catalogue, circuits, find_circuits, tasks
from mathcircuits.models import train

folder = Path(tempfile.mkdtemp())
(folder / "features.toml").write_text("""
[[feature]]
id = "mine/excess-over-twice"
formula = "relu(x1 - 2*x2)"
definition = "by how much the first input exceeds twice the second, else 0"
class = "ridge"
direction = [1, -2]

[[feature]]
id = "mine/shortfall-of-twice"
formula = "relu(2*x2 - x1)"
definition = "by how much the first input falls short of twice the second, else 0"
class = "ridge"
direction = [-1, 2]
""")
(folder / "circuits.toml").write_text("""
[[circuit]]
name = "distance-from-twice"
formula = ["abs(x1 - 2*x2)"]
gauge = "relu(x1 - 2*x2) + relu(2*x2 - x1)"
weights = [[[1, -2], [-1, 2]], [[1, 1]]]
""")
mine = catalogue | Catalogue.load(folder / "features.toml")
known = circuits | Circuits.load(folder / "circuits.toml")
print(mine["excess-over-twice"], known["distance-from-twice"], sep="\n")

# %% [markdown]
# The task is a formula with a name; networks train on it as on the shipped ones.

# %%
task = tasks.add(Task("twice", arity=2, formula=("abs(x1 - 2*x2)",), hidden=(2,)), replace=True)
runs = train("twice", hidden=(2,), seeds=range(8), regimen="adam", steps=1500)
best = runs[int(runs.losses.argmin())]
print(f"{int((runs.losses < 1e-8).sum())} of {len(runs)} seeds solve {task.text}")

# %% [markdown]
# Without the new entries the reading has no word for these neurons; with them it has.

# %%
for name, entries in (("shipped", catalogue), ("with mine", mine)):
    print(f"{name}:")
    for row in analyse(best, task=task, init="uniform", catalogue=entries).neurons.itertuples():
        print(f"    {row.feature}({', '.join(row.on)}): {row.status}, unexplained {row.unexplained:.1e}")
for row in find_circuits(best, catalogue=known).itertuples():
    print(f"circuit {row.circuit}({', '.join(row.on)}), certified to {row.certified:.1e}")
