"""Host side of the agent: typed asks, typed results, one exec stream per pod."""
