from .compressed import Compressed as Compressed
from .compressing import compress as compress
from .compressing import compress_many as compress_many
