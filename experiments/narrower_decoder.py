"""Does a student need a decoder that is wider than its encoder? As self_training.py, with another decoder.

    python experiments/narrower_decoder.py --widths 16,16,24,40,112 --out FILE.jsonl [--kinds "HeLa unseen,RAW"] [--seeds 0,1]

Widths are channels at strides 1, 2, 4, 8 and 16. Compare the file with one that self_training.py has written.
"""

import sys

import self_training

from frugalseg.networks.efficientnet_lite import EfficientNetLite0

if __name__ == "__main__":
    at = sys.argv.index("--widths")
    _, widths = sys.argv[at : at + 2]
    del sys.argv[at : at + 2]
    EfficientNetLite0.decoder_widths = tuple(map(int, widths.split(",")))
    self_training.main()
