from .criteria import PROGRAM_ERROR as PROGRAM_ERROR
from .criteria import PROGRAM_SHARE as PROGRAM_SHARE
from .decompiling import decompile as decompile
from .program import Program as Program
