"""MLPs in ONNX files: one chain of linear layers, scales, shifts and element-wise nodes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import About, InputError

from .asked import Asked
from .layer_chain import MAX_VALUES, Chain, Reading, Unreadable, Value, read
from .named_tensors.torch_files import first_line
from .onnx_models.constants import Folder
from .onnx_models.graph_walk import DAMAGED, GraphWalk
from .onnx_models.kinds import refuse_other_kinds
from .onnx_models.tensors import OPEN, Tensor

if TYPE_CHECKING:
    import onnx

# An MLP of a hundred layers, each spelt out in twenty nodes, has 2000.
_MAX_NODES = 20_000
_FLOATS = {1, 10, 11, 16}  # FLOAT, FLOAT16, DOUBLE, BFLOAT16


def read_onnx_file(data: bytes, folder: Path, asked: Asked) -> Reading:
    """The MLP in an ONNX file; weights kept beside it (`.onnx.data`) are looked for in its folder alone.

    Several inputs are read side by side, in the order of the file. Of several outputs `part=` names one.

    Args:
        data: the file's bytes.
        folder: where the file lies.
        asked: what the caller says.

    Raises:
        Unreadable: where onnx is missing, the file is damaged, or its graph is no MLP.
    """
    try:
        import onnx
    except ImportError:
        raise Unreadable(
            "is an ONNX file, and onnx is not installed", "pip install 'mathcircuits[onnx]'"
        ) from None
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's decoder
        raise Unreadable(f"is a damaged ONNX file, or none ({first_line(error)})", DAMAGED) from None
    if not model.graph.node:
        raise Unreadable("is an ONNX file without nodes, or none at all", DAMAGED)
    _check_size(_tensors(model), folder)
    _check_nodes(model)
    try:
        onnx.load_external_data_for_model(model, str(folder))
        if model.functions:
            import onnx.inliner

            model = onnx.inliner.inline_local_functions(model)
    except (
        Exception
    ) as error:  # ValidationError, OSError, ValueError, ... of a library that reads hostile bytes
        raise Unreadable(f"is not a valid ONNX file ({first_line(error)})", DAMAGED) from None
    try:
        with np.errstate(all="ignore"):  # what overflows or is NaN is refused by Network, by name
            return _Graph(model, asked).reading()
    except InputError:
        raise
    except Exception as error:  # fields of another type than ONNX's own, as hostile bytes have them
        raise Unreadable(f"is not a valid ONNX file ({first_line(error)})", DAMAGED) from None


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor in a model: its constants, and those in its nodes, in inner graphs and functions."""
    yield from model.graph.initializer
    nodes = [*model.graph.node, *(node for function in model.functions for node in function.node)]
    while nodes:
        for attribute in nodes.pop().attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for graph in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
                yield from graph.initializer
                nodes += graph.node


def _check_size(tensors: Iterable[onnx.TensorProto], folder: Path) -> None:
    """Refuse tensors, and what they take of files beside the model, that are larger than any MLP that is read."""
    total = 0
    for tensor in tensors:
        if any(size < 0 for size in tensor.dims):
            raise Unreadable(f"tensor {tensor.name!r} has the shape {list(tensor.dims)}", DAMAGED)
        count = math.prod(tensor.dims)
        total += count
        if total > MAX_VALUES:
            break
        beside = {entry.key: entry.value for entry in tensor.external_data}
        if "location" in beside:
            _check_beside(beside, tensor.name, count, folder)
    if total > MAX_VALUES:
        raise Unreadable(
            f"holds {total} numbers, more than the {MAX_VALUES} that are read", "export the MLP alone"
        )


def _check_beside(beside: dict[str, str], name: str, count: int, folder: Path) -> None:
    """Refuse a tensor that takes more of a file beside the model than its numbers need."""
    location = beside["location"]
    try:
        path = folder / location
        size = path.stat().st_size if path.is_file() else None
        taken = int(beside["length"]) if "length" in beside else (size or 0) - int(beside.get("offset", 0))
    except (OSError, ValueError):
        size, taken = None, 0
    if size is None:
        raise Unreadable(
            f"keeps its weights in {location!r}, which is not beside it", "copy that file to the same folder"
        )
    if not 0 <= taken <= 8 * count + 8:
        raise Unreadable(
            f"tensor {name!r} takes {taken} bytes of {location!r} for {count} numbers", "export it again"
        )


def _check_nodes(model: onnx.ModelProto) -> None:
    """Refuse graphs of more nodes than are read, counted as they will be when functions are put in."""
    functions = {(function.domain, function.name): function.node for function in model.functions}
    counts: dict[tuple[str, str], int] = {}
    pending: set[tuple[str, str]] = set()

    def count(nodes: Sequence[onnx.NodeProto]) -> int:
        total = 0
        for node in nodes:
            key = (node.domain, node.op_type)
            if key in functions and key not in counts:
                if key in pending or len(pending) > 100:
                    raise Unreadable(f"its function {node.op_type!r} contains itself", DAMAGED)
                pending.add(key)
                counts[key] = count(functions[key])
                pending.discard(key)
            total += counts.get(key, 1)
        return total

    total = count(model.graph.node)
    if total > _MAX_NODES:
        raise Unreadable(
            f"holds {total} nodes, more than the {_MAX_NODES} that are read", "export the MLP alone"
        )


class _Graph:
    """A model's graph, and what is known of its inputs and outputs."""

    def __init__(self, model: onnx.ModelProto, asked: Asked) -> None:
        from onnx import checker, helper

        self._graph = model.graph
        self._asked = asked
        self._model = model
        self._opset = max(
            (entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=1
        )
        # Node by node: the check of a whole model refuses files that run, such as those without shapes.
        self._check_node = checker.check_node
        self._context = checker.C.CheckerContext()
        self._context.ir_version = max(model.ir_version, 3)
        self._context.opset_imports = {entry.domain: entry.version for entry in model.opset_import}
        self._dtypes: list[object] = []
        self._helper = helper

    def reading(self) -> Reading:
        graph = self._graph
        if graph.sparse_initializer:
            raise Unreadable("keeps sparse weights", "export them as dense floats")
        names = Counter(tensor.name for tensor in graph.initializer)
        names.update(name for node in graph.node for name in node.output if name)
        twice = [name for name, times in names.items() if times > 1]
        if twice:
            raise Unreadable(f"computes {min(twice)!r} twice", DAMAGED)
        constants = {tensor.name for tensor in graph.initializer}
        given = [value for value in graph.input if value.name not in constants]
        if not given or not graph.output:
            raise Unreadable(f"has {len(given)} inputs and {len(graph.output)} outputs", DAMAGED)
        output = self._asked.choose([value.name for value in graph.output], "outputs")
        nodes = self._live(output)
        needed = {name for _, node in nodes for name in node.input}
        arrays = {
            tensor.name: self._array(tensor)
            for tensor in graph.initializer
            if tensor.name in needed | {output}
        }
        refuse_other_kinds(nodes, [value.name for value in given])
        for label, node in nodes:
            try:
                self._check_node(node, self._context)
            except Exception as error:  # ValidationError, and what a hostile opset does to the library
                if node.domain in ("", "ai.onnx"):
                    raise Unreadable(f"{label} is not valid ({first_line(error)})", DAMAGED) from None
        self._check_numbers(given, nodes)
        return self._walked(given, nodes, arrays, output)

    def _live(self, output: str) -> list[tuple[str, onnx.NodeProto]]:
        """Label and node of those that the output rests on."""
        wanted, live = {output}, []
        for number in reversed(range(len(self._graph.node))):
            node = self._graph.node[number]
            if wanted.intersection(node.output):
                live.append((f"node {node.name or number} ({node.op_type})", node))
                wanted.update(name for name in node.input if name)
        return live[::-1]

    def _check_numbers(
        self, given: Sequence[onnx.ValueInfoProto], nodes: Sequence[tuple[str, onnx.NodeProto]]
    ) -> None:
        """Refuse inputs that are no floating-point numbers, unless all that is done to them is a Cast or look-up."""
        whole = {value.name for value in given if value.type.tensor_type.elem_type not in _FLOATS | {0}}
        for label, node in nodes:
            if whole.intersection(node.input) and node.op_type not in ("Cast", "Gather", "Shape"):
                raise Unreadable(f"{label} computes with whole numbers", "export with inputs in float32")

    def _walked(
        self,
        given: Sequence[onnx.ValueInfoProto],
        nodes: Sequence[tuple[str, onnx.NodeProto]],
        arrays: dict[str, npt.NDArray[Any]],
        output: str,
    ) -> Reading:
        """The reading under the first way to tell samples from units that fits the graph."""
        refusals: list[tuple[int, Unreadable]] = []
        for layout in _layouts(given):
            chain, inputs, names = _inputs(given, layout)
            samples = next(
                (
                    dims[0]
                    for value, axes in zip(given, layout, strict=True)
                    if (dims := _dims(value)) and dims[0] > 0 and axes and axes[0] is None
                ),
                None,
            )
            if any(axes.count(None) > 1 for axes in layout):
                chain.assumptions.append(
                    "the network is applied along the last axis of its input, at each place alike"
                )
            fold = Folder(self._model).fold
            walk = GraphWalk(chain, arrays, fold, self._attribute, self._opset, samples)
            try:
                network = walk.run(nodes, inputs, output)
            except Unreadable as error:
                refusals.append((walk.done, error))
                continue
            about = About(
                assumptions=network.assumptions,
                link=network.link,
                input_names=names if names is not None and len(names) == network.inputs else None,
                output_names=(output,) if network.outputs == 1 and output.isidentifier() else None,
            )
            return read(network, self._dtypes, about)
        # The reading that went furthest; of those, the first.
        raise max(refusals, key=lambda refusal: refusal[0])[1]

    def _array(self, tensor: onnx.TensorProto) -> npt.NDArray[Any]:
        """A constant in its own precision."""
        from onnx import numpy_helper

        try:
            array = np.asarray(numpy_helper.to_array(tensor))
        except Exception as error:  # numpy's complaints about a hostile shape
            raise Unreadable(f"tensor {tensor.name!r} is damaged ({first_line(error)})", DAMAGED) from None
        # bfloat16 and the 8-bit floats come as extension types that are no kind of numpy's own
        if array.dtype.kind == "f" or "float" in array.dtype.name:
            self._dtypes.append(array.dtype)
        return array

    def _attribute(self, attribute: onnx.AttributeProto) -> Any:
        if attribute.HasField("t"):
            return self._array(attribute.t)
        return self._helper.get_attribute_value(attribute)


def _dims(value: onnx.ValueInfoProto) -> list[int] | None:
    """The sizes of an input's axes, 0 where the file leaves one open; None where it does not say."""
    kind = value.type.tensor_type
    return [max(int(dim.dim_value), 0) for dim in kind.shape.dim] if kind.HasField("shape") else None


Axes = tuple[int | None, ...]


def _layouts(given: Sequence[onnx.ValueInfoProto]) -> Iterator[list[Axes]]:
    """The ways to tell samples from units in the inputs, the usual first: the first axis, the last, all but the last.

    An axis of size 1 that the file fixes is no axis of samples.
    """
    shapes = [_dims(value) for value in given]
    seen: list[list[Axes]] = []
    for place in ("first", "last", "all but the last", "none"):
        layout: list[Axes] = []
        for shape in shapes:
            sizes = [OPEN, OPEN] if shape is None else shape
            rank = len(sizes)
            if shape is None and place == "none":
                layout.append((OPEN,))
                continue
            held = {
                "first": {0} if rank > 1 else set(),
                "last": {rank - 1} if rank > 1 else set(),
                "all but the last": set(range(rank - 1)),
                "none": set(),
            }[place]
            layout.append(tuple(None if k in held and size != 1 else size for k, size in enumerate(sizes)))
        fixed = place != "none" or all(shape is None or OPEN not in shape for shape in shapes)
        if layout not in seen and fixed:
            seen.append(layout)
            yield layout


def _inputs(
    given: Sequence[onnx.ValueInfoProto], layout: Sequence[Axes]
) -> tuple[Chain, dict[str, Tensor], tuple[str, ...] | None]:
    """A chain for these inputs, the inputs as its tensors, and one name per unit where each input is one."""
    tensors = [Tensor(Value(), axes) for axes in layout]
    widths = [tensor.units for tensor in tensors]
    names = tuple(value.name for value in given)
    single = all(width == 1 for width in widths) and all(name.isidentifier() for name in names)
    if len(given) == 1:
        chain = Chain(widths[0] or None)
        return chain, {given[0].name: tensors[0]}, names if single else None
    if OPEN in widths:
        raise Unreadable(
            f"has {len(given)} inputs ({', '.join(names)}), some of a size that is left open",
            "export with fixed sizes, or with one input",
        )
    chain = Chain(sum(widths))
    chain.assumptions.append(f"its inputs ({', '.join(names)}) stand side by side in this order")
    starts = np.cumsum([0, *widths])
    inputs = {
        name: Tensor(
            chain.pick(Value(), np.arange(start, start + tensor.units), f"input {name!r}"), tensor.axes
        )
        for name, start, tensor in zip(names, starts, tensors, strict=False)
    }
    return chain, inputs, names if single else None
