"""From recorded numbers to verdicts: statistics, claims and how they are judged."""
