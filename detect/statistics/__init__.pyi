from .multiple_testing import benjamini_hochberg as benjamini_hochberg
from .multiple_testing import poisson_binomial_tail as poisson_binomial_tail
from .resampling import hierarchical_bootstrap as hierarchical_bootstrap
from .resampling import within_across as within_across
from .verdicts import MARGINS as MARGINS
from .verdicts import prevalence as prevalence
from .verdicts import verdict as verdict
from .verdicts import verdict_table as verdict_table
