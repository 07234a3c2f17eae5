from .checkpoints import load as load
from .checkpoints import read_group_network as read_group_network
from .checkpoints import read_network as read_network
from .checkpoints import save as save
