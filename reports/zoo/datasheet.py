"""The datasheet of a zoo: how it was made, what is proved and what is judged, its licence and checksums."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

_TEXT = """# Datasheet of a zoo of small networks with known truth

Made by `mathcircuits {version}`: `mathcircuits zoo --out DIR{size} --seed {seed}`. {total} networks: ReLU MLPs, their
inputs uniform on (-1, 1)^d. The held-out split comes from the same code with another seed; no network is in both.

## How the networks were made

| part of the name | networks |
|---|---|
| planted | some neurons of one hidden layer hold a catalogue feature up to {noise}; the rest are untrained |
| units | as planted, beside dead units, always active (linear) units and a feature split over two units |
| decoys | as planted, beside neurons at {decoy_low:g} to {decoy_high:g} degrees from a feature, which hold none |
| deep | two hidden layers carry the minimum of two inputs |
| rotated | the second layer is a rotated copy of a planted first one: features as directions, in no neuron |
| mixtures | neurons of the second layer mix two features |
| derived | hand-derived circuits with permuted, rescaled and split units, among idle, dead and cancelling ones |
| copies | untrained networks, each in two gauges |
| untrained | nothing was planted: the null part |
| trained | trained on a task by a `regimen` from a width, solved or failed; a failure has its cause |
| checkpoint | the same networks after `step` updates |

## What is known, and how

The column `evidence` of the labels says it. Scores count all but the last.

- `construction`: the network was made so. A neuron's `feature` is empty where none was put there. A chance
  resemblance of an untrained neuron is no feature.
- `proved`: a certificate bounds the error against the formula anywhere on the box (`certified`, in the output's units).
- `role alone`: units of hand-derived circuits for which no feature was asked; scores of units count their role.
- `judged`: the labels of trained neurons and the causes of failures are this library's own. No score counts them.
- `unread`: neurons of checkpoints, for which nobody looked.

Networks whose training diverged have no finite weights and are left out. A trained network has a formula where a
certificate bounds the error by 0.005 of the output's range, whether the loss calls the task solved or not.

Two networks of a pair are the same mechanism where both are gauges of one implementation: units permuted, rescaled by
positive numbers, split, among units without effect. They differ where they are gauges of two implementations of one
function (`function` is true), or compute two functions.

## Files

`weights/SPLIT/PART.safetensors` holds `weights.K` [net, out, in] and `biases.K` [net, out] of linear layer K, float64.
Row `position` of a part is that network. `networks.parquet`, `neurons.parquet`, `circuits.parquet` and `pairs.parquet`
hold the labels. Layers and neurons count from 0.

## How to use it

Choose thresholds on the split `train`, by one rule that you state, and report the split `held-out`. The baselines of
`mathcircuits score` take the score at which the F1 of their claims is largest on `train`, except for the 0.9 of the
literature's correlation and for the limits that this library ships with.

## Licence

MIT, as the program that made it. No data of anybody went into it.

## Networks

| split | part | networks |
|---|---|---|
{parts}

## SHA-256

| file | SHA-256 |
|---|---|
{sums}
"""


def datasheet_text(
    counts: Mapping[tuple[str, str], int], sums: Mapping[str, str], *, size: str, seed: int
) -> str:
    """The datasheet as Markdown.

    Args:
        counts: networks by split and part; sums: SHA-256 by file; size, seed: how the zoo was asked for.

    Examples:
        >>> print(datasheet_text({("train", "planted-2-8-1"): 6}, {}, size="small", seed=0)[:47])
        # Datasheet of a zoo of small networks with kno
    """
    from .plantedparts import DECOY_DEGREES, NOISE

    return _TEXT.format(
        version=version("mathcircuits"),
        size="" if size == "full" else f" --{size}",
        seed=seed,
        total=sum(counts.values()),
        noise=", ".join(f"{angle:g} degrees at {inputs} inputs" for inputs, angle in NOISE.items()),
        decoy_low=DECOY_DEGREES[0],
        decoy_high=DECOY_DEGREES[1],
        parts="\n".join(f"| {split} | {part} | {count} |" for (split, part), count in counts.items()),
        sums="\n".join(f"| {name} | `{digest}` |" for name, digest in sums.items()),
    )
