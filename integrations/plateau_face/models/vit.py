"""A small vision transformer: DeiT-Ti's encoder (arXiv 2012.12877, table 1) on 14×14 patches."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from plateau_face.models.embedding import Embedding
from plateau_face.models.stack import Stack

WIDTH, DEPTH, HEADS = 192, 12, 3
PATCHES = 14
"""A side: as many patches as ImageNet's 224 pixels have in patches of 16."""


class Attention(nn.Module):
    """Self-attention of several heads."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(WIDTH, 3 * WIDTH)
        self.merge = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, tokens, width) to the same shape."""
        heads = self.project(x).unflatten(2, (3, HEADS, WIDTH // HEADS))
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        merged: Tensor = self.merge(mixed.transpose(1, 2).flatten(2))
        return merged


class Layer(nn.Module):
    """Attention, then two linear layers on each token; each after a norm and added."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.LayerNorm(WIDTH, eps=1e-6), Attention())
        self.tokens = nn.Sequential(
            nn.LayerNorm(WIDTH, eps=1e-6),
            nn.Linear(WIDTH, 4 * WIDTH),
            nn.GELU(),
            nn.Linear(4 * WIDTH, WIDTH),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, tokens, width) to the same shape."""
        x = x + self.attention(x)
        added: Tensor = x + self.tokens(x)
        return added


class ViT(nn.Module):
    """Patches, the encoder, and all tokens together to the embedding: faces are aligned."""

    def __init__(self, *, dim: int = 512, image_size: int = 112, dropout: float = 0.0) -> None:
        super().__init__()
        if image_size % PATCHES:
            raise ValueError(f"vit needs an image_size that {PATCHES} divides, not {image_size}")
        side = image_size // PATCHES
        self.patches = nn.Conv2d(3, WIDTH, side, stride=side)
        self.position = nn.Parameter(0.02 * torch.randn(1, PATCHES**2, WIDTH))
        self.encoder = Stack(*(Layer() for _ in range(DEPTH)), nn.LayerNorm(WIDTH, eps=1e-6))
        self.embedding = Embedding(PATCHES**2 * WIDTH, dim, dropout)
        for module in self.encoder.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Map images, shape (batch, 3, size, size), to embeddings, shape (batch, dim)."""
        tokens = self.patches(images).flatten(2).transpose(1, 2) + self.position
        embedding: Tensor = self.embedding(self.encoder(tokens))
        return embedding
