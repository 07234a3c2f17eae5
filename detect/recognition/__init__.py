"""Known circuits inside a network, their gauge, and candidates for new ones."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
