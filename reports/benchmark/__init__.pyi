from .results import Benchmark as Benchmark
from .running import BENCHMARKS as BENCHMARKS
from .running import Entry as Entry
from .running import run as run
from .scores import Score as Score
from .scores import Setting as Setting
