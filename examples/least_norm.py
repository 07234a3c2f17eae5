# %% [markdown]
# # What weight decay selects
# Many networks compute one function. Weight decay prefers the one of least path norm, which is a convex problem: its
# gauge is known before anything is trained. Here the prediction, and what networks with more neurons than they need do.

# %%
import sys

from mathcircuits.detect import path_norm, prevalence, selected_gauge, tasks
from mathcircuits.models import train

SEEDS = int(sys.argv[1]) if len(sys.argv) == 2 and sys.argv[1].isdigit() else 5  # 50: two hundred networks
WIDTH, SOLVED, CLOSE = 4, 1e-4, 0.01

# %% [markdown]
# Four times the smallest width, decay for 60% of the steps, then without: how many end within 1% of the least norm of
# their task, and how many with the predicted gauge?

# %%
for name in ("minimum", "maximum", "absolute-difference", "x1-plus-abs-x2"):
    task, predicted = tasks[name], selected_gauge(name)
    hidden = WIDTH * task.smallest[0]
    runs = train(name, hidden=hidden, seeds=range(SEEDS), regimen="decay-then-anneal", progress=False)
    solved = [runs[k] for k, loss in enumerate(runs.losses) if loss < SOLVED]
    near = sum(abs(predicted.least.excess(path_norm(net))) < CLOSE for net in solved)
    share = prevalence(sum(predicted.has(net) for net in solved), len(solved))
    print(f"{name}, {hidden} neurons: least norm {predicted.least.upper:.4f} by {predicted.name}")
    print(f"    {len(solved)} of {SEEDS} solved it, {near} of them within 1% of the least norm")
    print(f"    {share.found} have that gauge ({share.low:.2f} to {share.high:.2f})")
