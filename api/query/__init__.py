"""The query side: plain SQL over the projections, through a role that can only select."""
