from .criteria import GROKKED as GROKKED
from .modular import ModularRegimen as ModularRegimen
from .modular import ModularRuns as ModularRuns
from .modular import train_modular as train_modular
from .taught import Taught as Taught
from .taught import taught_like as taught_like
from .taught import taught_otherwise as taught_otherwise
from .training import train as train
