"""The candidates of a campaign: grids of compositions."""
