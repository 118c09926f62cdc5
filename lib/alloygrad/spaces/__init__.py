"""What may be tried: grids of compositions."""
