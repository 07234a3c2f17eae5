"""Row writers: tables on disk that grow by row groups, from frames or from the files of others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ..factors import AnyFactors, factor_columns, with_factors
from ..schema import arrow_schema, empty

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

#: Adds rows to the table of a name.
Add: TypeAlias = "Callable[[str, pd.DataFrame], None]"


@dataclass(frozen=True, eq=False)
class RowWriters:
    """The open files of tables; see `row_writers`."""

    factors: AnyFactors | None
    schemas: Mapping[str, pa.Schema]
    writers: Mapping[str, pq.ParquetWriter]

    def add(self, name: str, frame: pd.DataFrame) -> None:
        """Add a frame's rows to a table, as one row group; none where it has no rows."""
        import pyarrow as pa

        if len(frame):
            crossed = with_factors(frame, self.factors, name)
            self.writers[name].write_table(
                pa.Table.from_pandas(crossed, self.schemas[name], preserve_index=False)
            )

    def add_file(self, name: str, path: Path) -> None:
        """Add the rows of a file that another's `row_writers` has written, with its row groups, one in memory."""
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            for number in range(file.num_row_groups):
                self.writers[name].write_table(file.read_row_group(number))


@contextmanager
def row_writers(paths: Mapping[str, Path], factors: AnyFactors | None) -> Iterator[RowWriters]:
    """What adds rows to tables.

    Args:
        paths: of their files by name of the table; factors: whose levels become columns.

    Examples:
        >>> import tempfile
        >>> import pandas as pd
        >>> from ..schema import COLUMNS
        >>> path = Path(tempfile.mkdtemp()) / "contrasts.parquet"
        >>> with row_writers({"contrasts": path}, None) as rows:
        ...     rows.add("contrasts", pd.DataFrame({name: [None] for name in COLUMNS["contrasts"]}))
        >>> len(pd.read_parquet(path))
        1
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with ExitStack() as stack:
        writers, schemas = {}, {}
        for name, path in paths.items():
            schemas[name] = arrow_schema(name, factor_columns(factors, name))
            frame = with_factors(empty(name), factors, name)
            schema = pa.Table.from_pandas(frame, schemas[name], preserve_index=False).schema
            writers[name] = stack.enter_context(pq.ParquetWriter(path, schema, write_page_checksum=True))
        yield RowWriters(factors, schemas, writers)
