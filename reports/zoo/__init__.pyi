from .baselines import BASELINES as BASELINES
from .baselines import run_baseline as run_baseline
from .claims import read_claims as read_claims
from .claims import write_claims as write_claims
from .claimscores import score_claims as score_claims
from .writing import write_zoo as write_zoo
from .zoofiles import Zoo as Zoo
from .zoofiles import read_zoo as read_zoo
