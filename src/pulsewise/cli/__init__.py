"""One file per command word: parse, call, print."""
