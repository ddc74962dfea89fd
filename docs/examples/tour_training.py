import torch

from plateau_torch import PlateauLR, PlateauStopper

torch.manual_seed(0)
truth = torch.randn(20, 1)
held_out = torch.randn(500, 20)
wanted = held_out @ truth + torch.randn(500, 1)
model = torch.nn.Linear(20, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.004)


def tell(event):
    if event.factor < 1:
        print(f"step {event.step}: loss {event.level:.2f}, rate now {event.lr[0]:g}")


scheduler = PlateauLR(optimizer, on_plateau=tell)  # lowers the rate
stopper = PlateauStopper()  # says when to stop
for epoch in range(200):
    for _ in range(50):
        x = torch.randn(8, 20)
        loss = (model(x) - x @ truth - torch.randn(8, 1)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step(loss)
    with torch.no_grad():
        validation = (model(held_out) - wanted).square().mean()
    if stopper.step(validation):
        print(f"stopped after epoch {epoch}, at {validation:.3f} on held-out data")
        break
