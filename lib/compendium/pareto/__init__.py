"""Several objectives: inner loops on one front, against the exactly enumerated one."""
