from .program import Program as Program
from .program import decompile as decompile
