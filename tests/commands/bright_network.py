"""A network without training, for models whose cells are known beforehand."""

import torch


class Bright(torch.nn.Module):
    """Cells where the first channel is above its mean."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.cat([images[:, :1] * self.weight] * 2, dim=1)
