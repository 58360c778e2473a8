"""The search of cells: weights and architecture parameters of a supernet, learned in turns."""
