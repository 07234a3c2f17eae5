from .criteria import PROGRAM_ERROR as PROGRAM_ERROR
from .decompiling import decompile as decompile
from .program import Program as Program
