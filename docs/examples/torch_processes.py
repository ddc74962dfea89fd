import os

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from plateau_torch import PlateauLR


def train(rank):
    local = int(os.environ["LOCAL_RANK"])  # among the processes of this machine, from torchrun
    device = torch.device("cuda", local) if torch.cuda.is_available() else torch.device("cpu")
    torch.manual_seed(0)
    truth = torch.randn(20, 1, device=device)
    model = DistributedDataParallel(torch.nn.Linear(20, 1, device=device))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.04)
    scheduler = PlateauLR(optimizer, max_reductions=4, process_group="world")

    torch.manual_seed(rank + 1)  # from here on each process has its own data, and its own losses
    for _ in range(3000):
        x = torch.randn(4, 20, device=device)
        loss = (model(x) - x @ truth - torch.randn(4, 1, device=device)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step(loss)  # every process, at every step

    rates = [None] * dist.get_world_size()
    dist.all_gather_object(rates, scheduler.get_last_lr())
    return rates


dist.init_process_group()
rates = train(dist.get_rank())
if dist.get_rank() == 0:
    print("the rates of the processes:", rates)
dist.destroy_process_group()  # now that model and scheduler, which hold on to it, are gone
