"""Long work: study cells, running what the store lacks, recording and auditing it."""
