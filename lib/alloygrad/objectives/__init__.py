"""What is wanted of a measurement: outcomes in, utilities out, the larger the better.

`Maximise` and `Minimise` one outcome or a weighted sum (`single`); a `Target` to hit, a `Limit` to keep, a
`Desirability` made of several outcomes (`aims`); a `Merit`, a known function of outcomes that are modelled one by one
(`merit`). For a list of them, the front is looked for (`front`). Weights that nobody can name follow from choices
between two alloys at a time (`choices`).
"""

from alloygrad.objectives.aims import Desirability, Limit, Target
from alloygrad.objectives.choices import LearntWeights, learn_weights
from alloygrad.objectives.front import hypervolume, non_dominated, true_front
from alloygrad.objectives.merit import Merit
from alloygrad.objectives.single import Maximise, Minimise, Objective

__all__ = [
    "Desirability",
    "LearntWeights",
    "Limit",
    "Maximise",
    "Merit",
    "Minimise",
    "Objective",
    "Target",
    "hypervolume",
    "learn_weights",
    "non_dominated",
    "true_front",
]
