"""Training: the notebook draw for draw, torch's own gradients and optimisers, independence, losses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from mathcircuits.detect import InputError, MathCircuitsError, Task, UnknownNameError, UnknownTask, tasks
from mathcircuits.detect.networks.nonlinearities import NAMES
from mathcircuits.models import MLP, Ensemble, MLPConfig, Regimen, as_regimen, train
from mathcircuits.models.fitting.batches import Batches
from mathcircuits.models.fitting.gradients import Layout, step
from mathcircuits.models.fitting.steps import Optimiser, log_steps
from mathcircuits.models.networks.config import initial_parameters

CPU = torch.device("cpu")
# What Osier's slides print (there [in, out], here [out, in]) and what his notebook prints.
PRINTED = {
    "identity": (0, [[-0.9192], [1.0035]], [[-1.0872, 0.9957]]),
    "negation": (1, [[1.0627], [-1.0206]], [[-0.9403, 0.9790]]),
    "absolute": (1, [[1.0627], [-1.0206]], [[0.9403, 0.9790]]),
    "addition": (0, [[0.8511, 0.8522], [-0.9304, -0.9291]], [[1.1742, -1.0755]]),
    "subtraction": (0, [[-0.8519, 0.8508], [0.9296, -0.9309]], [[-1.1746, 1.0750]]),
}
NOTEBOOK = {
    "identity": ([[-0.9212], [1.0036]], [[-1.0855, 0.9964]], 0.45063677430152893),
    "negation": ([[1.0619], [-1.0210]], [[-0.9417, 0.9794]], 0.26709434390068054),
    "absolute": ([[1.0608], [-1.0210]], [[0.9427, 0.9794]], 0.31527942419052124),
    "addition": ([[0.8516, 0.8516], [-0.9257, -0.9257]], [[1.1742, -1.0802]], 0.804374635219574),
    "subtraction": ([[-0.8518, 0.8518], [0.9320, -0.9320]], [[-1.1740, 1.0730]], 0.640518069267273),
}


def distance(runs: Ensemble, at: int, *printed: list[list[float]]) -> float:
    """The largest difference between the weights of one network and printed ones."""
    return max(float(np.abs(w[at] - np.array(p)).max()) for w, p in zip(runs.weights, printed, strict=True))


@pytest.mark.parametrize("task", PRINTED)
def test_osier_ends_at_the_printed_weights(task: str) -> None:
    seed, *slides = PRINTED[task]
    runs = train(task, hidden=(2,), seeds=(7, seed), regimen="osier")
    assert runs.steps == 500
    assert distance(runs, 1, *slides) < 0.02  # an earlier run of other batches
    assert distance(runs, 1, *NOTEBOOK[task][:2]) < 0.5e-4 + 1e-6  # four decimals
    assert runs.losses[1] < 1e-11


@pytest.mark.parametrize("name", NOTEBOOK)
def test_the_test_inputs_are_drawn_as_in_the_notebook(name: str) -> None:
    task, seed = tasks[name], PRINTED[name][0]
    config = MLPConfig((task.arity, 2, 1))
    _, generator = initial_parameters(config, seed)
    # the first batch of a regimen without test draws is the notebook's test set
    regimen = as_regimen("osier", test_draws=0)
    x, y = next(iter(Batches(task, regimen, [generator], CPU)))
    outputs = MLP(config, seed=seed)(x[0].T)
    loss = torch.nn.functional.mse_loss(outputs, y[0].T).item()
    assert math.isclose(loss, NOTEBOOK[name][2], rel_tol=1e-6)


def test_osier_is_the_loop_that_anybody_would_write() -> None:
    runs = train("minimum", hidden=3, seeds=[4, 9], regimen="osier", steps=40)
    for k, seed in enumerate((4, 9)):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = torch.nn.Sequential(
                torch.nn.Linear(2, 3, bias=False), torch.nn.ReLU(), torch.nn.Linear(3, 1, bias=False)
            )
            optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
            torch.rand((1000, 2))
            for _ in range(40):
                x = torch.rand((1000, 2)) * 2 - 1
                loss = torch.nn.functional.mse_loss(net(x), x.min(dim=1, keepdim=True).values)
                optimiser.zero_grad()
                torch.autograd.backward(loss)
                optimiser.step()
        for ours, theirs in zip(runs.weights, net.parameters(), strict=True):
            assert np.abs(ours[k] - theirs.detach().numpy()).max() < 1e-6


def stacked(config: MLPConfig, nets: int) -> torch.Tensor:
    """Random float64 parameters [net, size]."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(nets, Layout(config).size, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("activation", [*NAMES, "leaky_relu(0.3)"])
@pytest.mark.parametrize("sizes", [(2, 3, 1), (3, 5, 4, 2), (2, 1), (1, 4, 3, 2, 1)])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_the_gradient_is_autograds(activation: str, sizes: tuple[int, ...], bias: bool, shared: bool) -> None:
    config = MLPConfig(sizes, bias, activation, "float64")
    parameters = stacked(config, 3)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(1 if shared else 3, sizes[0], 20, generator=generator, dtype=torch.float64)
    y = torch.randn(1 if shared else 3, sizes[-1], 20, generator=generator, dtype=torch.float64)
    losses, gradient = step(parameters, x, y, config)
    weights, biases = Layout(config).split(parameters)
    for k in range(3):
        net = MLP.from_parameters(config, [w[k] for w in weights], [b if b is None else b[k] for b in biases])
        own = 0 if shared else k
        loss = torch.nn.functional.mse_loss(net(x[own].T), y[own].T)
        torch.autograd.backward(loss)
        pairs = [p.grad for layer in net.linears for p in (layer.weight, layer.bias) if p is not None]
        expected = torch.cat([grad.flatten() for grad in pairs if grad is not None])
        assert math.isclose(losses[k].item(), loss.item(), rel_tol=1e-12)
        assert (gradient[k] - expected).abs().max() < 1e-12


def test_the_gradient_by_hand() -> None:
    # v relu(w x) = 3 * 2 = 6 at x = 1: loss 36, d/dw = 2 * 6 * 3, d/dv = 2 * 6 * 2; the second net is dead
    parameters = torch.tensor([[2.0, 3.0], [-2.0, 3.0]])
    losses, gradient = step(parameters, torch.ones(1, 1, 1), torch.zeros(1, 1, 1), MLPConfig((1, 1, 1)))
    assert losses.tolist() == [36.0, 0.0]
    assert gradient.tolist() == [[36.0, 24.0], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("fields", "theirs"),
    [
        ({"optimiser": "sgd"}, lambda p: torch.optim.SGD(p, lr=0.1)),
        ({"optimiser": "sgd", "momentum": 0.9}, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
        ({"optimiser": "sgd", "decay": 0.3}, lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.3)),
        ({}, lambda p: torch.optim.Adam(p, lr=0.1)),
        (
            {"betas": (0.5, 0.9), "epsilon": 0.1},
            lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.5, 0.9), eps=0.1),
        ),
        ({"decay": 0.3}, lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.3)),
        ({"decoupled_decay": 0.3}, lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.3)),
    ],
)
def test_the_optimisers_are_torchs(fields: dict[str, Any], theirs: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    ours = torch.randn(4, 5, generator=generator, dtype=torch.float64)
    parameter = torch.nn.Parameter(ours.clone())
    optimiser = Optimiser(Regimen(lr=0.1, decay_until=1.0, **fields), ours, 30)
    reference = theirs([parameter])
    for at in range(30):
        gradient = torch.randn(4, 5, generator=generator, dtype=torch.float64)
        parameter.grad = gradient.clone()
        reference.step()
        optimiser.update(ours, gradient, at)
    assert (ours - parameter.detach()).abs().max() < 1e-13


def test_decay_ends_at_its_share_of_the_steps() -> None:
    parameters = torch.ones(1, 1)
    optimiser = Optimiser(Regimen(optimiser="sgd", lr=0.1, decay=1.0, decay_until=0.6), parameters, 10)
    for at in range(10):
        optimiser.update(parameters, torch.zeros(1, 1), at)
    assert math.isclose(parameters.item(), 0.9**6, rel_tol=1e-6)


@pytest.mark.parametrize(
    "regimen",
    [
        as_regimen("osier"),
        as_regimen("adam"),
        as_regimen("adam", decay=1e-3, stream="per-seed", label_noise=0.1, gradient_noise=0.1),
        as_regimen("adam", samples=300, stream="per-seed"),
    ],
    ids=lambda regimen: regimen.name,
)
def test_a_network_does_not_depend_on_its_neighbours(
    regimen: Regimen, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = train("minimum", hidden=(4,), seeds=range(8), regimen=regimen, steps=60)
    alone = train("minimum", hidden=(4,), seeds=[5], regimen=regimen, steps=60)
    monkeypatch.setattr(
        "mathcircuits.models.fitting.steps.CHUNK_VALUES", 2 * 4 * regimen.batch
    )  # two a chunk
    reversed_pairs = train("minimum", hidden=(4,), seeds=range(7, -1, -1), regimen=regimen, steps=60)
    for k in range(2):
        assert np.abs(together.weights[k][5] - alone.weights[k][0]).max() < 1e-5
        assert np.abs(together.weights[k] - reversed_pairs.weights[k][::-1]).max() < 1e-5
    assert np.allclose(together.logged_losses, reversed_pairs.logged_losses[:, ::-1], rtol=1e-3)
    assert np.abs(together.weights[0][5] - together.weights[0][4]).max() > 1e-2


def test_a_diverged_network_leaves_the_others() -> None:
    config, generator = MLPConfig((2, 3, 1), dtype="float64"), torch.Generator().manual_seed(1)
    well, ill = stacked(config, 4), stacked(config, 4)
    ill[1], ill[2] = math.nan, 1e200
    x, y = (torch.randn(1, units, 50, generator=generator, dtype=torch.float64) for units in (2, 1))
    optimisers = [Optimiser(as_regimen("adam"), parameters, 5) for parameters in (well, ill)]
    for at in range(5):
        for parameters, optimiser in zip((well, ill), optimisers, strict=True):
            optimiser.update(parameters, step(parameters, x, y, config)[1], at)
    assert ill[1].isnan().all()
    assert (ill[[0, 3]] - well[[0, 3]]).abs().max() < 1e-14
    assert well.isfinite().all()


def test_a_diverged_network_is_counted_not_hidden() -> None:
    # at thirty times the notebook's rate one of these seeds diverges
    runs = train("minimum", hidden=(8,), seeds=range(6), regimen=as_regimen("osier", lr=3.0), steps=200)
    assert runs.diverged == (3,)
    assert np.isnan(runs.losses).tolist() == [seed == 3 for seed in range(6)]
    assert runs.finite.seeds == (0, 1, 2, 4, 5)
    with pytest.raises(InputError, match=r"seeds 3 diverged .*: use \.finite\.networks\(\)"):
        runs.networks()
    assert len(runs.finite.networks()) == 5
    assert "<th>diverged</th><td>1</td>" in runs._repr_html_()
    assert not all(parameter.isfinite().all() for parameter in runs.seed(3).parameters())


def test_adam_solves_the_minimal_networks_exactly() -> None:
    runs = train("minimum", hidden=(3,), seeds=range(24), regimen="adam")
    solved = runs.losses < 1e-8
    # the seed decides: 59% of 1000 (docs/measurements.md, At the minimal width)
    assert 0.25 < solved.mean() < 0.9
    assert (runs.losses[~solved] > 1e-4).all()
    # the loss is the plain network's, on points that the training has not seen
    X = np.random.default_rng(0).uniform(-1, 1, (20_000, 2))
    for network, loss in zip(runs.networks(), runs.losses, strict=True):
        own = ((network(X) - tasks["minimum"](X)) ** 2).mean()
        assert math.isclose(own, loss, rel_tol=0.2)


def test_biases_and_several_outputs() -> None:
    clip = train("clip", hidden=(8,), seeds=range(6), steps=1500)
    assert clip.config.bias is True
    assert clip.losses.min() < 1e-5
    plain = train("clip", hidden=(8,), seeds=range(2), bias=False, steps=300)
    assert plain.biases == (None, None)
    assert plain.losses.min() > 1e-3  # a bias-free network is positively homogeneous, clip is not
    sort = train("sort-2", hidden=(8,), seeds=range(4), steps=1500)
    assert sort.weights[1].shape == (4, 2, 8)
    assert sort.losses.min() < 1e-6


def test_steps_come_from_the_argument_the_task_or_the_regimen() -> None:
    assert train("identity", hidden=np.int64(2), seeds=[0], steps=3).steps == 3  # type: ignore[arg-type]
    assert train("identity", hidden=2, seeds=[0], regimen={"preset": "adam", "steps": 4}).steps == 4
    short = Task(name="short", arity=1, formula=tasks["identity"].formula, steps={"osier": 5})
    assert train(short, hidden=2, seeds=[0], regimen="osier").steps == 5


def test_untrained_networks_are_the_seeds_own() -> None:
    runs = train("minimum", hidden=(3,), seeds=[3, 1], steps=0)
    for seed, net in zip((3, 1), runs, strict=True):
        expected = MLP(MLPConfig((2, 3, 1)), seed=seed)
        assert all(torch.equal(a, b) for a, b in zip(net.parameters(), expected.parameters(), strict=True))
    assert runs.history["step"].tolist() == [0, 0]


def test_no_hidden_layer() -> None:
    runs = train("addition", hidden=(), seeds=[0], steps=800)
    assert np.allclose(runs.weights[0][0], [[1.0, 1.0]], atol=1e-4)


def test_streams() -> None:
    task, generators = tasks["minimum"], [torch.Generator().manual_seed(k) for k in (3, 4)]
    x, y = next(iter(Batches(task, as_regimen("osier"), generators, CPU)))
    assert (x.shape, y.shape) == ((2, 2, 1000), (2, 1, 1000))
    assert torch.equal(y[:, 0], x.min(dim=1).values)
    for k, seed in enumerate((3, 4)):
        own = torch.rand((1000, 2), generator=torch.Generator().manual_seed(seed)) * 2 - 1
        assert torch.equal(x[k].T, own)


def test_the_box_of_the_task_is_sampled() -> None:
    task = Task(name="boxed", arity=2, formula=tasks["addition"].formula, box=((0, 1), (-3, 5)))
    x, _ = next(iter(Batches(task, as_regimen("adam", batch=4000), [torch.Generator().manual_seed(0)], CPU)))
    assert torch.allclose(x[0].amin(dim=1), torch.tensor([0.0, -3.0]), atol=0.02)
    assert torch.allclose(x[0].amax(dim=1), torch.tensor([1.0, 5.0]), atol=0.02)


def test_fixed_samples_come_back() -> None:
    task = tasks["minimum"]

    def batches(**fields: Any) -> list[tuple[torch.Tensor, torch.Tensor]]:
        stream = iter(Batches(task, as_regimen("adam", **fields), [torch.Generator().manual_seed(0)], CPU))
        return [next(stream) for _ in range(20)]

    whole = batches(samples=50)
    assert all(torch.equal(x, whole[0][0]) and x.shape == (1, 2, 50) for x, _ in whole)
    parts = batches(samples=50, batch=10)
    assert not torch.equal(parts[0][0], parts[1][0])
    known = {tuple(row) for row in whole[0][0][0].T.tolist()}
    assert {tuple(row) for x, _ in parts for row in x[0].T.tolist()} <= known
    assert all(torch.equal(y[0, 0], x[0].min(dim=0).values) for x, y in parts)
    noisy = batches(samples=50, label_noise=0.1)
    assert torch.equal(noisy[0][1], noisy[1][1])  # noise on fixed labels is part of the data


def test_noise_has_the_scale_asked_for() -> None:
    stream = iter(
        Batches(tasks["minimum"], as_regimen("adam", label_noise=0.5, batch=20_000), [torch.Generator()], CPU)
    )
    x, y = next(stream)
    assert math.isclose((y[0, 0] - x[0].min(dim=0).values).std().item(), 0.5, rel_tol=0.03)
    quiet, loud = (
        train("identity", hidden=2, seeds=[0], regimen=as_regimen("osier", gradient_noise=noise), steps=1)
        for noise in (0.0, 1.0)
    )
    assert 0.01 < np.abs(quiet.weights[0] - loud.weights[0]).max() < 0.5  # lr 0.1 times a normal draw


def test_the_global_random_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    train("identity", hidden=2, seeds=[0], regimen="osier", steps=2)
    assert torch.equal(torch.get_rng_state(), before)


def test_again_is_the_same() -> None:
    first, second = (train("minimum", hidden=3, seeds=range(3), steps=20) for _ in range(2))
    assert all((a == b).all() for a, b in zip(first.weights, second.weights, strict=True))
    assert (first.losses == second.losses).all()


def test_logged_steps() -> None:
    assert log_steps(0).tolist() == [0]
    assert log_steps(1).tolist() == [0, 1]
    steps = log_steps(10_000)
    assert steps[0] == 0
    assert steps[-1] == 10_000
    assert (np.diff(steps) > 0).all()
    assert len(steps) < 50


class TestEnsemble:
    """One record of all networks."""

    RUNS = train("minimum", hidden=(3,), seeds=(10, 20, 30), regimen="osier", steps=50)

    def test_networks_by_position_and_by_seed(self) -> None:
        runs = self.RUNS
        assert len(runs) == 3
        assert [net.cfg for net in runs] == [runs.config] * 3
        for k, net in enumerate(runs):
            assert (net.to_network().weights[0] == runs.weights[0][k]).all()
            assert torch.equal(runs.seed(runs.seeds[k]).readout.weight, net.readout.weight)
            assert torch.equal(runs[k - 3].readout.weight, net.readout.weight)

    def test_plain_networks(self) -> None:
        X = np.random.default_rng(0).uniform(-1, 1, (30, 2))
        for k, network in enumerate(self.RUNS.networks()):
            assert network.architecture == self.RUNS.config.architecture
            assert np.abs(network(X) - self.RUNS.activations(X)["hook_output"][k]).max() < 1e-15

    def test_history_is_tidy(self) -> None:
        history = self.RUNS.history
        assert history.columns.tolist() == ["seed", "step", "loss"]
        assert len(history) == 3 * len(log_steps(50))
        last = history[history["step"] == 50]
        assert last["seed"].tolist() == [10, 20, 30]
        assert last["loss"].tolist() == self.RUNS.losses.tolist()
        first = history[(history["step"] == 0) & (history["seed"] == 20)]["loss"].item()
        untrained = train("minimum", hidden=(3,), seeds=[20], steps=0).losses[0]
        assert math.isclose(first, untrained, rel_tol=0.15)  # a batch of 1000 against 4096 points

    def test_selection(self) -> None:
        part = self.RUNS.select([30, 10])
        assert part.seeds == (30, 10)
        assert (part.weights[0][0] == self.RUNS.weights[0][2]).all()
        assert part.history["seed"].unique().tolist() == [30, 10]
        assert self.RUNS.finite.seeds == self.RUNS.seeds
        assert self.RUNS.diverged == ()

    def test_it_cannot_be_written_into(self) -> None:
        with pytest.raises(ValueError, match="read-only"):
            self.RUNS.weights[0][0] = 1.0

    def test_it_prints_shortly(self) -> None:
        assert repr(self.RUNS) == "Ensemble(minimum, 2-3-1, relu, no bias, osier, 3 seeds)"
        assert "<td>3 of 2-3-1</td>" in self.RUNS._repr_html_()
        nothing = self.RUNS.take([])
        assert "none is finite" in nothing._repr_html_()

    def test_wrong_questions(self) -> None:
        with pytest.raises(InputError, match="seed 11 is not in this ensemble: its seeds are 10, 20, 30"):
            self.RUNS.seed(11)
        with pytest.raises(IndexError, match=r"network 3 of 3: count from 0, or use \.seed\(3\)"):
            self.RUNS[3]

    def test_parts_must_fit(self) -> None:
        with pytest.raises(InputError, match=r"losses has shape \(2,\), expected \(3,\)"):
            Ensemble(**{**vars(self.RUNS), "losses": np.zeros(2)})
        with pytest.raises(InputError, match="1 weights for sizes"):
            Ensemble(**{**vars(self.RUNS), "weights": self.RUNS.weights[:1], "biases": (None,)})


@pytest.mark.parametrize(
    ("changes", "kind", "text"),
    [
        ({"task": "minimun"}, UnknownTask, "no task named 'minimun': did you mean 'minimum'"),
        ({"hidden": (0,)}, InputError, "width 0 in hidden layer 0 of sizes (2, 0, 1)"),
        ({"hidden": (3, -1)}, InputError, "width -1 in hidden layer 1"),
        ({"seeds": []}, InputError, "no seeds: give at least one, such as range(100)"),
        ({"seeds": 5}, InputError, "seeds=5: give several, such as range(5) or [5]"),
        ({"seeds": [1, 2, 1]}, InputError, "seeds 1 occur more than once"),
        ({"seeds": [-1]}, InputError, "seed -1: give an integer from 0"),
        ({"regimen": "adma"}, UnknownNameError, "no regimen named 'adma': did you mean 'adam'"),
        ({"regimen": {"lrr": 1}}, InputError, "unknown key 'lrr': did you mean 'lr'"),
        ({"steps": -1}, InputError, "steps=-1: give a number of updates from 0"),
        ({"steps": 1.5}, InputError, "steps=1.5"),
        ({"activation": "rleu"}, InputError, "activation 'rleu'"),
    ],
)
def test_wrong_arguments(changes: dict[str, Any], kind: type[MathCircuitsError], text: str) -> None:
    given: dict[str, Any] = {"task": "minimum", "hidden": (3,), "seeds": range(2), **changes}
    with pytest.raises(kind) as error:
        train(given.pop("task"), **given)
    assert text in str(error.value)


def test_a_task_that_misbehaves() -> None:
    flat = Task(name="flat", arity=2, target=lambda X: X.sum())
    with pytest.raises((InputError, AttributeError, IndexError)):
        train(flat, hidden=2, seeds=[0], steps=1)
    wide = Task(name="wide", arity=2, target=lambda X: X)
    with pytest.raises(InputError, match=r"task 'wide'.* \(\d+, 2\)"):
        train(wide, hidden=2, seeds=[0], steps=1)
    root = Task(name="root", arity=1, target=lambda X: X[:, 0] ** 0.5)
    with pytest.raises(InputError, match="task 'root' is NaN or infinite somewhere on its box"):
        train(root, hidden=2, seeds=[0], steps=1)


def test_progress_is_silent_in_a_pipe(capfd: pytest.CaptureFixture[str]) -> None:
    train("identity", hidden=2, seeds=[0], steps=300)
    assert capfd.readouterr().err == ""
    train("identity", hidden=2, seeds=[0], steps=300, progress=True)
    assert "identity 1-2-1 adam" in capfd.readouterr().err


@pytest.mark.parametrize("regimen", ["adam", {"samples": 300}, {"label_noise": 0.1}, {"stream": "per-seed"}])
def test_several_outputs_train_compiled_as_they_do_eager(
    regimen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    eager = train("sort-2", hidden=(5,), seeds=range(3), regimen=regimen, steps=60)
    monkeypatch.setattr("mathcircuits.models.fitting.steps.EAGER_SECONDS", 0.0)
    compiled = train("sort-2", hidden=(5,), seeds=range(3), regimen=regimen, steps=60)
    np.testing.assert_allclose(compiled.losses, eager.losses, rtol=1e-3)
