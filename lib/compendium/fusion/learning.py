"""What the learners of the ensemble know, batch by batch of one campaign, and how redundant they are."""

import numpy as np
import pandas as pd

from alloygrad.surrogates import Ensemble
from compendium.fusion import arms, discovery
from compendium.threads import one_thread


@one_thread()
def trace(pool: str, *, seed: int = 0, batches: int = discovery.BATCHES) -> pd.DataFrame:
    """Run a campaign of the ensemble; one row per state, before the first batch and after each.

    Columns: batch, found (of the ten best), entropy (nats), inflation, and gain_, information_, redundancy_ of each
    learner.
    """
    candidates, utilities = discovery.space(pool)
    rows = np.random.default_rng([1000, seed]).choice(candidates.size, discovery.INITIAL, replace=False)
    table = []
    for batch in range(batches + 1):
        rng = np.random.default_rng([seed, batch])
        model = arms.fitted(Ensemble(arms.plain), candidates, rows, utilities[rows])
        redundancy = dict(zip(model.names, model.gains.redundancy.tolist(), strict=True))
        table.append(
            {"batch": batch, "found": discovery.among_best(utilities, rows)}
            | {"entropy": model.entropy(candidates.features, rng)}
            | model.hyperparameters()
            | {f"redundancy_{name}": value for name, value in redundancy.items()}
        )
        if batch < batches:
            rows = np.concatenate([rows, arms.believed(model, candidates, rows, "cascade", rng)])
    return pd.DataFrame(table)
