from .criteria import GROKKED as GROKKED
from .modular import ModularRegimen as ModularRegimen
from .modular import ModularRuns as ModularRuns
from .modular import train_modular as train_modular
from .training import train as train
