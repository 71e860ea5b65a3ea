"""Pre-training of an encoder on windows without labels, and what is published of it."""
