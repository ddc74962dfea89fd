import torch

from plateau_torch import PlateauLR

torch.manual_seed(0)
truth = torch.randn(20, 1)
model = torch.nn.Linear(20, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.04)


def tell(event):
    if event.factor < 1:
        print(f"step {event.step}: loss {event.level:.2f}, rate now {event.lr[0]:g}")


scheduler = PlateauLR(optimizer, max_reductions=4, warmup_steps=100, on_plateau=tell)
for _ in range(8000):
    x = torch.randn(8, 20)
    loss = (model(x) - x @ truth - torch.randn(8, 1)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step(loss)
torch.save({"model": model.state_dict(), "lr": scheduler.state_dict()}, "checkpoint.pt")
