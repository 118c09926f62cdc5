"""The search of boxes: it follows the gradient where there is one, and tries steps where there is none."""

import numpy as np
import pytest
import torch

from alloygrad.maximisers import maximise
from alloygrad.spaces import Box

SHEET = Box({"T_K": (300, 900, "K"), "strain": (0, 0.5), "passes": (1, 9)}, integers=["passes"])
SUMMIT = (612.5, 0.123456, 4)


def hill(points):
    """A smooth hill whose summit lies at `SUMMIT`; the axes are correlated."""
    x = (points - torch.tensor(SUMMIT, dtype=torch.float64)) / torch.tensor([600, 0.5, 8], dtype=torch.float64)
    return -(x**2).sum(-1) - (x[..., 0] + x[..., 1]) ** 2


def search(score):
    return maximise(score, SHEET, rng=np.random.default_rng(0))


def test_a_smooth_summit_is_found_along_the_gradient():
    found = search(hill)
    assert found.gradients > 0
    np.testing.assert_allclose(found.coordinates, SUMMIT, rtol=1e-5)


def test_without_a_gradient_random_steps_come_near():
    found = search(lambda points: hill(points).detach())
    assert found.gradients == 0 and found.value > -1e-3 and found.coordinates[2] == SUMMIT[2]


def test_an_error_of_the_score_is_not_taken_for_a_missing_gradient():
    def broken(points):
        if points.requires_grad and len(points) == 1 and points[0, 0] != SUMMIT[0]:
            raise ValueError("no such file")
        return hill(points)

    with pytest.raises(ValueError, match="no such file"):
        search(broken)
