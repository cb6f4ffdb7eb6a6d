"""Small modules of the kinds that people have."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

SIZE = 16


class Block(nn.Module):
    """A residual block that reuses one ReLU and adds in place."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Any) -> Any:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        y += x
        return self.relu(y)


class ResNet(nn.Module):
    def __init__(self, n_classes: int = 4, channels: int = 3) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, 6, 5, stride=2, padding=2, bias=False)
        self.bn = nn.BatchNorm2d(6)
        self.block = Block(6)
        self.drop = nn.Dropout(0.2)
        self.fc = nn.Linear(6, n_classes)

    def forward(self, x: Any) -> Any:
        x = F.max_pool2d(F.relu(self.bn(self.stem(x))), 2)
        x = torch.flatten(F.adaptive_avg_pool2d(self.block(x), 1), 1)
        return self.fc(self.drop(x))


class Attention(nn.Module):
    def __init__(self, width: int, n_heads: int, bias: bool, fused: bool) -> None:
        super().__init__()
        self.n_heads, self.fused = n_heads, fused
        self.qkv = nn.Linear(width, 3 * width, bias=bias)
        self.proj = nn.Linear(width, width, bias=bias)

    def forward(self, x: Any) -> Any:
        n, t, width = x.shape
        qkv = self.qkv(x).reshape(n, t, 3, self.n_heads, width // self.n_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        if self.fused:
            x = F.scaled_dot_product_attention(q, k, v)
        else:
            x = ((q @ k.transpose(-2, -1)) * q.shape[-1] ** -0.5).softmax(dim=-1) @ v
        return self.proj(x.transpose(1, 2).reshape(n, t, width))


class Layer(nn.Module):
    def __init__(self, width: int, bias: bool, fused: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, bias=bias)
        self.attention = Attention(width, 2, bias, fused)
        self.norm2 = nn.LayerNorm(width, bias=bias)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width, bias=bias),
            nn.GELU(),
            nn.Linear(2 * width, width, bias=bias),
        )

    def forward(self, x: Any) -> Any:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    """A vision transformer with a class token."""

    def __init__(self, *, bias: bool = True, fused: bool = True, width: int = 8) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, stride=4, bias=bias)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.position = nn.Parameter(0.3 * torch.randn(1, (SIZE // 4) ** 2 + 1, width))
        self.layers = nn.Sequential(*[Layer(width, bias, fused) for _ in range(2)])
        self.norm = nn.LayerNorm(width, bias=bias)
        self.head = nn.Linear(width, 3, bias=bias)

    def forward(self, x: Any) -> Any:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1) + self.position
        return self.head(self.norm(self.layers(x))[:, 0])


class Encoder(nn.Module):
    """PyTorch's own transformer, pooled over its tokens, with a softmax at its end."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu")
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        x = self.patches(x).flatten(2).transpose(1, 2)
        return self.head(self.encoder(x).mean(dim=1)).softmax(dim=-1)


class Gated(nn.Module):
    """SiLU, hard-swish, squeeze-and-excitation, groups, GroupNorm, a transposed convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.GroupNorm(2, 8)
        self.grouped = nn.Conv2d(8, 8, 3, padding=1, groups=4)
        self.squeeze = nn.Linear(8, 8)
        self.up = nn.ConvTranspose2d(8, 6, 2, stride=2)
        self.fc = nn.Linear(6, 3)

    def forward(self, x: Any) -> Any:
        x = F.silu(self.norm(self.conv(x)))
        x = F.hardswish(self.grouped(x))
        gate = torch.sigmoid(self.squeeze(x.mean(dim=(2, 3))))
        x = F.relu6(self.up(x * gate[:, :, None, None]))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


class WithLogits(nn.Module):
    """What transformers' classifiers look like from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.config = SimpleNamespace(image_size=SIZE, num_channels=3)
        self.inner = ResNet()

    def forward(self, pixel_values: Any) -> Any:
        return SimpleNamespace(loss=None, logits=self.inner(pixel_values), hidden_states=None)


def made(kind: type[nn.Module], **options: Any) -> Any:
    """A module with fixed random weights, BatchNorm's statistics among them, at inference."""
    torch.manual_seed(0)
    module = kind(**options)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.2)
            part.running_var.uniform_(0.5, 2)
            part.weight.data.uniform_(-1, 1.5)
            part.bias.data.normal_(0, 0.2)
        elif isinstance(part, nn.LayerNorm | nn.GroupNorm):
            part.weight.data.uniform_(0.5, 1.5)
    return module.eval()
