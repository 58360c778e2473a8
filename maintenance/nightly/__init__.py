"""`make nightly`: what takes too long for every change, in lanes that stand alone."""
