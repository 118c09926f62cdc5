"""What the claims of the first paper measure: functions (results, numbers) → parts, registered by their decorator."""

from compendium.feature_gradient.measurements import campaigns, inner_loop, networks

__all__ = ["campaigns", "inner_loop", "networks"]
