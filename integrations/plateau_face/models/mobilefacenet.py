"""MobileFaceNet (arXiv 1804.07573, table 1)."""

from torch import Tensor, nn

from plateau_face.models.embedding import Embedding
from plateau_face.models.stack import Stack

STAGES = [  # expansion, channels, blocks, stride of the first
    (2, 64, 5, 2),
    (4, 128, 1, 2),
    (2, 128, 6, 1),
    (4, 128, 1, 2),
    (2, 128, 2, 1),
]


def convolution(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, linear: bool = False
) -> nn.Sequential:
    """Return convolution, norm and, unless it is to be linear, PReLU."""
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, *([] if linear else [nn.PReLU(outputs)]))


class Bottleneck(nn.Module):
    """Widen by 1×1, 3×3 within each channel, narrow by 1×1; plus the input where that fits."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.layers = nn.Sequential(
            convolution(inputs, wide, 1),
            convolution(wide, wide, 3, stride, groups=wide),
            convolution(wide, outputs, 1, linear=True),
        )
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, inputs, h, w) to (batch, outputs, h / stride, w / stride)."""
        y: Tensor = self.layers(x)
        return x + y if self.adds else y


class MobileFaceNet(nn.Module):
    """Inverted bottlenecks and, in the place of pooling, a filter per channel for the map."""

    def __init__(self, *, dim: int = 128, image_size: int = 112, dropout: float = 0.0) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            convolution(3, 64, 3, stride=2), convolution(64, 64, 3, groups=64)
        )
        self.stages = Stack()
        inputs = 64
        for expansion, outputs, count, first in STAGES:
            for block in range(count):
                self.stages.append(Bottleneck(inputs, outputs, expansion, 1 if block else first))
                inputs = outputs
        side = image_size
        for _ in range(4):
            side = (side + 1) // 2
        self.whole = nn.Sequential(
            convolution(inputs, 512, 1),
            nn.Conv2d(512, 512, side, groups=512, bias=False),
            nn.BatchNorm2d(512),
        )
        self.embedding = Embedding(512, dim, dropout)

    def forward(self, images: Tensor) -> Tensor:
        """Map images, shape (batch, 3, size, size), to embeddings, shape (batch, dim)."""
        embedding: Tensor = self.embedding(self.whole(self.stages(self.stem(images))))
        return embedding
