"""Networks in training and at work: the part of this room that needs torch, imported only when one is used."""
