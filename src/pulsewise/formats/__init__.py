"""One file per file format. Adding a format is one new file here and nothing else."""
