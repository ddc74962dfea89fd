"""Residual networks for faces (arXiv 1801.07698, section 3.2; as in insightface's iresnet)."""

from collections.abc import Sequence

from torch import Tensor, nn

from plateau_face.models.embedding import Embedding
from plateau_face.models.stack import Stack


class Block(nn.Module):
    """norm, 3×3, norm, PReLU, 3×3 with the stride, norm; plus the input.

    Where the block halves the image, the input goes through a 1×1 filter; with a plain shortcut
    only every other pixel is taken, if there are as many channels as before.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, plain: bool) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.BatchNorm2d(inputs),
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.PReLU(outputs),
            nn.Conv2d(outputs, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if plain and inputs == outputs:
            self.shortcut = nn.MaxPool2d(1, stride)
        elif stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, inputs, h, w) to (batch, outputs, h / stride, w / stride)."""
        added: Tensor = self.residual(x) + self.shortcut(x)
        return added


class IResNet(nn.Module):
    """Four stages that each halve the image; no pooling, since faces are aligned.

    Parameters
    ----------
    blocks, widths : four int each
        Blocks and channels of the stages.
    dim : int, default 512
        Length of the embedding.
    image_size : int, default 112
    dropout : float, default 0
    plain_shortcut : bool, default False
        See `Block`; so are AdaFace's networks.
    """

    def __init__(
        self,
        blocks: Sequence[int],
        widths: Sequence[int] = (64, 128, 256, 512),
        *,
        dim: int = 512,
        image_size: int = 112,
        dropout: float = 0.0,
        plain_shortcut: bool = False,
    ) -> None:
        super().__init__()
        self.blocks, self.plain_shortcut = tuple(blocks), plain_shortcut
        self.stem = nn.Sequential(
            nn.Conv2d(3, widths[0], 3, padding=1, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.PReLU(widths[0]),
        )
        self.stages = Stack()
        inputs, side = widths[0], image_size
        for count, width in zip(blocks, widths, strict=True):
            for block in range(count):
                self.stages.append(Block(inputs, width, 1 if block else 2, plain_shortcut))
                inputs = width
            side = (side + 1) // 2
        self.norm = nn.BatchNorm2d(inputs)
        self.embedding = Embedding(inputs * side * side, dim, dropout)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.1)  # norms follow: the scale does not matter

    def forward(self, images: Tensor) -> Tensor:
        """Map images, shape (batch, 3, size, size), to embeddings, shape (batch, dim)."""
        embedding: Tensor = self.embedding(self.norm(self.stages(self.stem(images))))
        return embedding
