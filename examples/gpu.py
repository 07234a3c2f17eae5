# %% [markdown]
# # What a GPU gains
# `train(..., device="cuda")` computes gradient steps on a GPU; random numbers stay the CPU's, so that seeds keep their
# networks. Small networks gain only where many are trained at once: this table says from how many on. It takes at most
# ten minutes; `python examples/gpu.py cpu` tries it without a GPU.

# %%
import sys
import time

import numpy as np
import torch

from mathcircuits.models import train

DEVICE = sys.argv[1] if len(sys.argv) == 2 else "cuda"
if DEVICE == "cuda" and not torch.cuda.is_available():
    sys.exit("torch sees no GPU here: name another device, as in `python examples/gpu.py cpu`")
NETWORKS = (256, 2048, 16384) if DEVICE == "cuda" else (8, 64)
STEPS, SECONDS = 300, 600
CASES = (("minimum", 12), ("minimum-of-4", (24, 12)))


# %%
def run(task: str, hidden: int | tuple[int, ...], networks: int, device: str) -> tuple[float, float]:
    """Seconds, and the median loss at the end."""
    started = time.perf_counter()
    trained = train(
        task, hidden=hidden, seeds=range(networks), regimen="adam", steps=STEPS, device=device, progress=False
    )
    return time.perf_counter() - started, float(np.median(trained.losses))


# %% [markdown]
# The losses of both agree to a few digits: the same batches, in another order of additions.

# %%
begun = time.perf_counter()
print("task, neurons, networks: microseconds a network-step on the CPU, on the device, gain; median losses")
for task, hidden in CASES:
    run(task, hidden, 8, DEVICE)  # what a device does once
    for networks in NETWORKS:
        if time.perf_counter() - begun > SECONDS:
            sys.exit(f"{SECONDS} s are over")
        (cpu, loss), (own, other) = (run(task, hidden, networks, device) for device in ("cpu", DEVICE))
        share = 1e6 / (networks * STEPS)
        print(
            f"{task}, {hidden}, {networks}: {cpu * share:.2f}, {own * share:.2f}, {cpu / own:.2f} times; "
            f"{loss:.2e}, {other:.2e}"
        )
