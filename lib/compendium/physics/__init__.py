"""Hard and soft: solid-solution strength and saturation magnetisation of fcc alloys in closed form, and their front."""
