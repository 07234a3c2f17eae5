# %% [markdown]
# # Hooks and interventions, TransformerLens's and ours
# An MLP is a `HookedRootModule`, so what one does with TransformerLens works here. `record` and `intervene` add what
# an analysis needs (float64 copies, a misspelt hook is an error) and take plain `Network`s as well.

# %%
import numpy as np
import torch

from mathcircuits.detect import interchange_effect, read_direction
from mathcircuits.models import ablate, hand_derived, intervene, record

net = hand_derived("minimum")  # relu(x1 - x2), relu(x1), relu(-x1), read out with -1, 1, -1
X = np.random.default_rng(0).uniform(-1, 1, (1000, 2))
inputs = torch.tensor(X, dtype=net.dtype)
hook = "blocks.0.mlp.hook_post"

# %% [markdown]
# The same activations either way, and the same outputs after the same intervention.

# %%
outputs, cache = net.run_with_cache(inputs)
print("recorded alike:", np.allclose(record(net, X)[hook], cache[hook].detach()))


def first_off(values, **_):
    """TransformerLens passes the values and the hook, `intervene` the values alone."""
    values[:, 0] = 0
    return values


theirs = net.run_with_hooks(inputs, fwd_hooks=[(hook, first_off)])
ours = intervene(net, X, {hook: first_off})
print("intervened alike:", np.allclose(ours, theirs.detach()))
print("without greaterness x1 is left:", np.allclose(ours[:, 0], X[:, 0]))

# %% [markdown]
# Each neuron held at its mean: how much of the output hangs on it.

# %%
full = outputs.detach().numpy()
for neuron in range(3):
    error = np.mean((ablate(net, X, layer=0, neuron=neuron) - full) ** 2) / full.var()
    print(f"neuron {neuron} ablated: error {error:.2f} of the output's variance")

# %% [markdown]
# A feature moved between inputs along its direction. In x1 - relu(x1 - x2) one more unit of greaterness lowers the
# output by one.

# %%
greaterness = read_direction(net.to_network(), "greaterness", ("x1", "x2"))
effect = interchange_effect(net.to_network(), greaterness, target=-1.0)
print(f"{greaterness.feature}: slope {effect.slope[0]:.3f}, success {effect.success:.3f}")
