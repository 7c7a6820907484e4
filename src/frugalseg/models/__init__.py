"""Models: arrays in, labels out. The only room that decides channels, scale and normalisation."""
