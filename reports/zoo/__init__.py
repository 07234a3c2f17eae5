"""The zoo: networks with known truth as a data set, and the scores of any method's claims about them."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
