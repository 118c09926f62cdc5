"""Pictures of spaces and models; needs matplotlib and mpltern."""
