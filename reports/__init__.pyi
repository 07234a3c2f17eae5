from .approximation import approximation_frame as approximation_frame
from .modular import modular_report as modular_report
from .pages.page import write_report as write_report
from .studies.config import StudyConfig as StudyConfig
from .studies.folder import Study as Study
from .study import run_study as run_study
