"""Does a student need the deepest level of its encoder? As self_training.py, with an encoder that ends at stride 16.

    python experiments/shallower_encoder.py --out FILE.jsonl [--kinds "HeLa unseen,RAW"] [--seeds 0,1]

A step of training takes three quarters of the time. Compare the file with one that self_training.py has written.
"""

import self_training
from torch import Tensor

from frugalseg.networks import efficientnet_lite, pretrained
from frugalseg.networks.efficientnet_lite import EfficientNetLite0
from frugalseg.networks.pyramid import Encoder


def cut_encoder() -> None:
    """Take the two stages at stride 32 from efficientnet_lite0, and from the ImageNet weights that it starts with."""
    efficientnet_lite.STAGES = efficientnet_lite.STAGES[:5]  # type: ignore[assignment]
    efficientnet_lite.LEVELS = efficientnet_lite.LEVELS[:4]  # type: ignore[assignment]
    EfficientNetLite0.widths = EfficientNetLite0.widths[:4]  # type: ignore[assignment]
    EfficientNetLite0.strides = EfficientNetLite0.strides[:4]  # type: ignore[assignment]
    EfficientNetLite0.decoder_widths = EfficientNetLite0.decoder_widths[:4]
    whole = pretrained.fill_encoder

    def fill(encoder: Encoder, tensors: dict[str, Tensor], source: str) -> None:
        wanted = encoder.state_dict()
        kept = {n: t for n, t in tensors.items() if n in wanted or not n.startswith("_blocks.")}
        whole(encoder, kept, source)

    pretrained.fill_encoder = fill


if __name__ == "__main__":
    cut_encoder()
    self_training.main()
