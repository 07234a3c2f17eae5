"""The science: arrays in, findings out. Names load when first used, so a look-up costs numpy alone."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
