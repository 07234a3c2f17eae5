# %% [markdown]
# # Your network in five minutes
# A network that you have trained elsewhere, read as it stands: what does it compute, how well is that proved, and what
# does each neuron hold? It may be a torch module, a scikit-learn model or a file (`mathcircuits.models.load`).

# %%
import numpy as np
import torch
from torch import nn

from mathcircuits.detect import analyse
from mathcircuits.models import compress, train

torch.manual_seed(1)
network = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
for _ in range(2000):
    x = torch.rand(256, 2) * 2 - 1
    loss = (network(x) - x.min(dim=1, keepdim=True).values).square().mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
print(f"mean squared error {loss.item():.0e}")

# %% [markdown]
# The error against the task is proved for the whole box, not only measured at points. `matched` means that a neuron is
# nearer to the feature than chance allows; `dead` ones are never active on the box.

# %%
reading = analyse(network, task="min(x1, x2)", init="uniform")
print(f"off {reading.task.text} by at most {reading.certificate.upper:.3f} anywhere on the box")
print(reading.neurons[["neuron", "feature", "on", "status"]].to_string(index=False))

# %% [markdown]
# `compress` takes neurons away for as long as the network computes the task. What is left has a name.

# %%
small = compress(network, "min(x1, x2)")
print(small)
found = analyse(small.network, task="min(x1, x2)", init="uniform")
print(f"formula {found.formula}, off by at most {found.certificate.upper:.0e}")
for row in found.circuits.itertuples():
    print(f"circuit {row.circuit}: {row.form}")
found.plot_circuit()

# %% [markdown]
# A task is a name, a formula, or data. The columns' names stay with the network.

# %%
rng = np.random.default_rng(0)
rooms, age = rng.uniform(-1, 1, (2, 200))
rows = np.column_stack([rooms, age]), np.maximum(rooms - 0.3, 0) + age
runs = train(rows, hidden=3, seeds=range(4), steps=1500)
best = analyse(runs[int(runs.losses.argmin())], names=("rooms", "age"), task=rows)
print(best.domain.renamed(best.program.text), best.domain, sep="\n")
