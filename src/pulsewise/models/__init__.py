"""One file per family of models. Adding a model is one new file here and nothing else."""
