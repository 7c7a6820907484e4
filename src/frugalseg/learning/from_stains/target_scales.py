"""On which scale a stain is learned. Without torch: the command line offers these names."""

from typing import Literal

TargetScale = Literal["linear", "log", "field", "mask"]
"""
linear
    Grey values, between two percentiles of all training fields together; the paper learned grey values too.
log
    The logarithm of grey values above black, likewise: a cell that is ten times as bright counts as much as a dim one.
field
    Grey values between two percentiles of each field: exposure and staining may differ from field to field.
mask
    Whether a pixel is above Otsu's threshold of its field (paper B's synthetic nuclei).
"""
