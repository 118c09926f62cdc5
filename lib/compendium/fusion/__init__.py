"""The ensemble study: which of several learners to trust, on pools of candidates and on alloys."""
