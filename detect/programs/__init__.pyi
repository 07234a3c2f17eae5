from .criteria import PROGRAM_ERROR as PROGRAM_ERROR
from .program import Program as Program
from .program import decompile as decompile
