"""The physics: arrays in, arrays out. Conditioning, beats, rate, quality, features."""
