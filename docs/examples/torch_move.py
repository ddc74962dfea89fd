import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from plateau_torch import PlateauLR

EPOCHS, STEPS = 30, 100


def train(kind):
    """Return the epochs after which the rate was lowered."""
    torch.manual_seed(0)
    truth, model = torch.randn(20, 1), torch.nn.Linear(20, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.04)
    if kind == "ReduceLROnPlateau":  # before
        scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=4)
    else:  # after: the loss of every step, and no patience
        scheduler = PlateauLR(optimizer, factor=0.5)

    lowered = []
    for epoch in range(EPOCHS):
        rate, total = optimizer.param_groups[0]["lr"], 0.0
        for _ in range(STEPS):
            x = torch.randn(8, 20)
            loss = (model(x) - x @ truth - torch.randn(8, 1)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
            if kind == "PlateauLR":
                scheduler.step(loss)
        if kind == "ReduceLROnPlateau":
            scheduler.step(total / STEPS)
        if optimizer.param_groups[0]["lr"] < rate:
            lowered.append(epoch)
    return lowered


for kind in ("ReduceLROnPlateau", "PlateauLR"):
    print(f"{kind}: lowered after epochs {train(kind)}")
