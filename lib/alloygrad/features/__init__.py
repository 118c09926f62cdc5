"""What a model sees of a composition: elemental properties, formulas over them, and the choice among them."""
