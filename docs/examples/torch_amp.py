import torch

from plateau_torch import PlateauLR

device = "cuda" if torch.cuda.is_available() else "cpu"
accumulate = 4

torch.manual_seed(0)
truth = torch.randn(20, 1, device=device)
model = torch.nn.Linear(20, 1, device=device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.04)
scaler = torch.amp.GradScaler(device, init_scale=2.0**40)  # too high at first: steps are skipped
scheduler = PlateauLR(optimizer, max_reductions=4)

for _ in range(3000):
    mean = torch.zeros((), device=device)
    for _ in range(accumulate):
        x = torch.randn(8, 20, device=device)
        with torch.autocast(device, dtype=torch.float16):
            loss = (model(x) - x @ truth - torch.randn(8, 1, device=device)).square().mean()
        scaler.scale(loss / accumulate).backward()
        mean += loss.detach() / accumulate
    scaler.step(optimizer)  # skipped where a gradient is not finite
    scaler.update()
    optimizer.zero_grad()
    scheduler.step(mean)  # one loss for each step of the optimizer, skipped or not

print(f"scale {scaler.get_scale():g}, {scheduler.detector.skipped} losses not finite")
print(f"{scheduler.last_epoch} steps, rate now {scheduler.get_last_lr()[0]:g}")
