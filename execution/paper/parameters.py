"""The paper venue's parameters (domain.paper_costs) as the settings give them."""

from __future__ import annotations

from domain.paper_costs import PaperParameters
from runtime.settings import Settings


def parameters_of(settings: Settings) -> PaperParameters:
    return PaperParameters(
        half_spread_bps=settings.paper_half_spread_bps,
        impact_bps=settings.paper_impact_bps,
        participation_max=settings.paper_participation_max,
        fee_bps=settings.paper_fee_bps,
    )
