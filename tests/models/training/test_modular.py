"""Learning to add modulo p: the gradient, the optimiser, the symmetry of Z_p, and one network that groks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mathcircuits.detect import InputError
from mathcircuits.detect.modular.fourier import read_fourier
from mathcircuits.detect.modular.relabelling import relabelled
from mathcircuits.detect.modular.tables import Tables, accuracy, sums_of
from mathcircuits.models import MLP
from mathcircuits.models.training.compositions import fit, loss_and_gradients, started
from mathcircuits.models.training.modular import ModularRegimen, ModularRuns, train_modular

SMALL = ModularRegimen(embedding=8, width=12, steps=60)


def some_weights(p: int = 5, nets: int = 3) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = [(nets, 4, 2 * p), (nets, 6, 4), (nets, p, 6)]
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]


def by_autograd(
    weights: list[torch.Tensor], mask: torch.Tensor, p: int
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The same loss from one-hot inputs, layer by layer, pair by pair."""
    leaves = [weight.clone().requires_grad_() for weight in weights]
    E, U, V = leaves
    eye = torch.eye(p, dtype=torch.float64)
    a, b = np.divmod(np.arange(p * p), p)
    X = torch.cat([eye[a], eye[b]], dim=1)
    losses = []
    for k in range(len(E)):
        logits = torch.relu(X @ E[k].T @ U[k].T) @ V[k].T
        target = torch.tensor((a + b) % p)
        losses.append(torch.nn.functional.cross_entropy(logits[mask[k]], target[mask[k]]))
    sum(losses).backward()
    return torch.stack(losses).detach(), [leaf.grad for leaf in leaves]


def test_loss_and_gradients_are_those_of_autograd() -> None:
    p, weights = 5, some_weights()
    mask = torch.rand(3, p * p, generator=torch.Generator().manual_seed(1)) < 0.7
    target = torch.from_numpy(sums_of(p))
    _, losses, gradients = loss_and_gradients(weights, mask, target, p)
    expected, known = by_autograd(weights, mask, p)
    assert torch.allclose(losses, expected)
    for found, gradient in zip(gradients, known, strict=True):
        assert torch.allclose(found, gradient)


def test_the_updates_are_those_of_adamw() -> None:
    p, how = 5, ModularRegimen(embedding=4, width=6, steps=7, decay=0.5)
    weights = some_weights()
    mask = torch.ones(3, p * p, dtype=torch.bool)
    mask[:, ::4] = False
    leaves = [weight.clone().requires_grad_() for weight in weights]
    optimiser = torch.optim.AdamW(leaves, lr=how.lr, betas=how.betas, eps=how.epsilon, weight_decay=how.decay)
    for _ in range(7):
        _, gradients = by_autograd([leaf.detach() for leaf in leaves], mask, p)
        for leaf, gradient in zip(leaves, gradients, strict=True):
            leaf.grad = gradient
        optimiser.step()
    fit(weights, mask, sums_of(p), p, how, np.array([0, 7]))
    for weight, leaf in zip(weights, leaves, strict=True):
        assert torch.allclose(weight, leaf.detach(), atol=1e-9)


def test_a_network_starts_as_its_seed_says_and_needs_no_neighbours() -> None:
    runs = train_modular(7, seeds=[4, 2], regimen=SMALL, steps=0)
    twin = MLP(runs.config, seed=2).to_network()
    assert all(np.array_equal(a, b) for a, b in zip(runs[1].to_network().weights, twin.weights, strict=True))
    together = train_modular(7, seeds=[0, 1, 2], regimen=SMALL)
    alone = train_modular(7, seeds=[2], regimen=SMALL)
    assert np.array_equal(together.trained_on[2], alone.trained_on[0])
    for a, b in zip(together.weights, alone.weights, strict=True):
        assert np.allclose(a[2], b[0], atol=1e-4)


def test_the_training_set_is_a_share_of_the_pairs_and_differs_by_seed() -> None:
    runs = train_modular(11, seeds=range(3), regimen=SMALL, steps=0)
    assert runs.trained_on.sum(axis=1).tolist() == [97] * 3  # 0.8 * 121 = 96.8
    assert len({row.tobytes() for row in runs.trained_on}) == 3


def test_accuracies_are_those_of_the_networks() -> None:
    runs = train_modular(7, seeds=range(2), regimen=SMALL)
    for k, net in enumerate(runs.networks()):
        assert accuracy(net, runs.trained_on[k]) == pytest.approx(runs.train_accuracy[-1, k])
        assert accuracy(net, ~runs.trained_on[k]) == pytest.approx(runs.test_accuracy[-1, k])
        logits = Tables.of(net).logits()[runs.trained_on[k]]
        target = torch.from_numpy(sums_of(7)[runs.trained_on[k]])
        loss = torch.nn.functional.cross_entropy(torch.from_numpy(logits), target)
        assert runs.losses[-1, k] == pytest.approx(loss.item(), rel=1e-4)
    assert (runs.losses[-1] < runs.losses[0]).all()


def test_relabelling_the_numbers_relabels_the_whole_training() -> None:
    """Why every frequency is as likely as every other: the start and the pairs do not look at the labels."""
    p, unit, how = 7, 3, ModularRegimen(embedding=6, width=10, steps=80, decay=0.3)
    weights, mask = started(p, how, [0], 39)
    weights = [weight.double() for weight in weights]
    to = unit * np.arange(p) % p
    both = np.concatenate([to, p + to])
    renamed = [weight.clone() for weight in weights]
    renamed[0][:, :, both] = weights[0]
    renamed[2][:, to] = weights[2]
    renamed_mask = mask.clone()
    renamed_mask[:, (to[:, None] * p + to[None, :]).ravel()] = mask
    steps = np.array([0, 80])
    history = fit(weights, mask, sums_of(p), p, how, steps)
    renamed_history = fit(renamed, renamed_mask, sums_of(p), p, how, steps)
    assert np.allclose(history, renamed_history)
    assert torch.allclose(renamed[0][:, :, both], weights[0], atol=1e-8)
    assert torch.allclose(renamed[2][:, to], weights[2], atol=1e-8)


def test_one_network_groks_by_a_few_frequencies() -> None:
    runs = train_modular(31, seeds=[0], steps=600)
    assert runs.grokked.all()
    fitted, understood = runs.step_of(runs.train_accuracy)[0], runs.step_of(runs.test_accuracy)[0]
    assert fitted < understood < 600
    reading = read_fourier(runs.networks()[0], draws=20)
    assert reading.single >= 0.8
    assert 3 <= len(reading.used) <= 12
    assert reading.accuracy_used > 0.99
    assert reading.accuracy_others < 0.5
    rows = reading.frequencies.set_index("frequency").loc[list(reading.used)]
    assert (rows["component_without"] < 0.1).all()
    assert len(relabelled(reading.used, 2, 31)) == len(reading.used)


def test_step_of_is_where_it_stays_above() -> None:
    runs = train_modular(7, seeds=range(4), regimen=SMALL)
    assert runs.steps.tolist() == [0, 25, 50, 60]
    accuracies = np.array(
        [[0.1, 1.0, 1.0, 0.1], [1.0, 1.0, 0.5, 0.2], [0.5, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 0.99]]
    )
    assert runs.step_of(accuracies)[:3].tolist() == [60.0, 0.0, 50.0]
    assert np.isnan(runs.step_of(accuracies)[3])


def test_history_is_tidy() -> None:
    runs = train_modular(7, seeds=[5, 9], regimen=SMALL)
    frame = runs.history
    assert len(frame) == 2 * 2 * 4
    last = frame[(frame["seed"] == 9) & (frame["step"] == 60) & (frame["pairs"] == "test")]
    assert last["accuracy"].item() == runs.test_accuracy[-1, 1]
    assert len(list(runs)) == len(runs) == 2
    with pytest.raises(IndexError, match="network 2 of 2: count from 0"):
        runs[2]


def test_progress_counts_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    train_modular(31, seeds=range(4), steps=0, progress=True)
    told = capsys.readouterr().err
    assert "modulo 31: " in told
    assert "/4 " in told
    for quiet in (None, False):
        train_modular(31, seeds=range(4), steps=0, progress=quiet)
        assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"p": 9}, "modulus 9: give an odd prime"),
        ({"seeds": []}, "0 seeds, 0 different"),
        ({"seeds": [1, 1]}, "2 seeds, 1 different: give at least one, each once"),
        ({"seeds": ["a"]}, "give whole numbers"),
        ({"seeds": 3}, "give whole numbers"),
        ({"seeds": [-1]}, "seed"),
        ({"p": 3, "regimen": ModularRegimen(share=0.01)}, "a share of 0.01 of 9 pairs leaves none"),
        ({"regimen": {"steps": 3}}, "a regimen of type dict: give a ModularRegimen"),
    ],
)
def test_what_cannot_be_trained(arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        train_modular(**{"p": 7, "regimen": SMALL, **arguments})


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"lr": 0}, "modular regimen: lr = 0"), ({"share": 1}, "share = 1"), ({"wd": 1}, "'wd'")],
)
def test_a_regimen_is_checked(fields: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ModularRegimen(**fields)


def test_it_says_what_it_is() -> None:
    runs = train_modular(7, seeds=[0], regimen=SMALL)
    assert isinstance(runs, ModularRuns)
    assert repr(runs).startswith("ModularRuns(p = 7, 14-8-12-7, 1 seed, 60 steps, ")
