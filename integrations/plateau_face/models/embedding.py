"""The last layers of every network: from features to an embedding, in fp32."""

import torch
from torch import Tensor, nn


class Embedding(nn.Module):
    """Dropout, a linear layer, and batch normalisation whose weight stays 1.

    In fp32 also under autocast: what the margins need of precision is lost here first. A free
    weight would only scale the dimensions against each other a second time.
    """

    def __init__(self, features: int, dim: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(features, dim)
        self.norm = nn.BatchNorm1d(dim)
        self.norm.weight.requires_grad_(False)

    def forward(self, features: Tensor) -> Tensor:
        """Map features, shape (batch, …), to embeddings, shape (batch, dim)."""
        with torch.autocast(features.device.type, enabled=False):
            flat = self.dropout(features.flatten(1).float())
            embedding: Tensor = self.norm(self.linear(flat))
            return embedding
