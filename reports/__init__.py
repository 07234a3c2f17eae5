"""What a person sees: studies, their tables, the page, the command line. Names load when they are first used."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
