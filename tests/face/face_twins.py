"""Slow, obvious twins of the trainer's parts, written from the papers' formulas."""

import math

import numpy as np
import torch


def unit(vector):
    return vector / vector.pow(2).sum().sqrt()


def arc(theta, margin):
    if theta.item() + margin < math.pi:
        return torch.cos(theta + margin)
    return torch.cos(theta) - margin * math.sin(margin)


def adaface(theta, norm, mean, deviation, margin=0.4, spread=0.333):
    z = min(max(spread * (norm.item() - mean) / (deviation + 1e-3), -1.0), 1.0)
    turned = (theta - margin * z).clamp(1e-3, math.pi - 1e-3)  # as the authors' code cuts it
    return torch.cos(turned) - (margin + margin * z)


def magface(theta, norm):
    length = norm.clamp(10, 110)
    margin = 0.45 + (0.8 - 0.45) * (length - 10) / 100
    if theta + margin < math.pi:
        return torch.cos(theta + margin)
    return torch.cos(theta) - margin * torch.sin(margin)


def loss(embeddings, labels, weight, target, scale=64.0, others=None, penalty=None):
    """Mean cross-entropy, one image and one class at a time."""
    total = 0.0
    for x, label in zip(embeddings, labels.tolist(), strict=True):
        cosines = [unit(x) @ unit(w) for w in weight]
        own = cosines[label]
        logits = []
        for j, cosine in enumerate(cosines):
            if j == label:
                logits.append(target(torch.acos(own), x.norm()))
            else:
                logits.append(others(cosine, torch.acos(own)) if others else cosine)
        z = scale * torch.stack(logits)
        total = total + torch.log(torch.exp(z - z.max()).sum()) + z.max() - z[label]
    total = total / len(labels)
    if penalty:
        total = total + sum(penalty(x.norm()) for x in embeddings) / len(labels)
    return total


def linear_fit_spread(table):
    """Spread of what a least-squares fit of cells and seeds leaves, by its design matrix."""
    cells, seeds = len(table), len(table[0])
    design, values = [], []
    for cell in range(cells):
        for seed in range(seeds):
            design.append([float(cell == c) for c in range(cells)])
            design[-1] += [float(seed == s) for s in range(1, seeds)]
            values.append(table[cell][seed])
    design, values = np.array(design), np.array(values)
    fit = np.linalg.lstsq(design, values, rcond=None)[0]
    freedom = len(values) - design.shape[1]
    return math.sqrt(sum((values - design @ fit) ** 2) / freedom), freedom
