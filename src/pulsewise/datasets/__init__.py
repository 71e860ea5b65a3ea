"""One file per source of recordings. Adding a dataset is one new file here and nothing else."""
