"""Why a seed failed, whether its initial weights predict it, and when a feature appears."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
