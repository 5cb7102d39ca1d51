"""How long random runs go on: those that must find nothing, and those that must find a planted defect."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]

# What fails is told at once, not made smaller first: that can take as long as a test may take, and then nobody learns
# which step failed. The blob that is printed repeats it.
RANDOM_TRADING = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=QUIET,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    report_multiple_bugs=False,
    print_blob=True,
)

# A hunt ends with the first example that finds the defect, so a high bound costs nothing. It must be high: derandomize
# does not make two processes draw the same, for Hypothesis also draws constants of the modules that it finds imported.
DEFECT_HUNT = settings(
    max_examples=6_000,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=QUIET,
    phases=[Phase.generate],
    database=None,
    derandomize=True,
    report_multiple_bugs=False,
)
