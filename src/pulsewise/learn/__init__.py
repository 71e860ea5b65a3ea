"""From windows to a bundle: train, and the one forward path of everything trained."""
