"""Learning from markers: no label, only a marker in each cell (paper B)."""
