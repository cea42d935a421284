# %% [markdown]
# # Train a classifier on covers with PyTorch
#
# The set "train" teaches, "test" judges: no artist is in both.

# %%
import sys
from pathlib import Path

import torch
from torch.utils.data import DataLoader

import equigen

folder = Path(sys.argv[1] if sys.argv[1:] else "equigen_demo")
epochs, size_px = 3, 32

# %%
with equigen.open(folder) as dataset:
    train = dataset.torch("train", size_px=size_px)
    test = dataset.torch("test", size_px=size_px)
print(
    len(train),
    "covers to learn from,",
    len(test),
    "to be judged by,",
    len(train.classes),
    "classes",
)

# %% [markdown]
# The sampler draws classes evenly, and in a class its artists: one with many covers doesn't decide.

# %%
torch.manual_seed(0)
sampler = train.sampler(seed=0)
batches = DataLoader(train, batch_size=32, sampler=sampler)
model = torch.nn.Sequential(
    torch.nn.Conv2d(3, 16, 3, stride=2, padding=1),
    torch.nn.ReLU(),
    torch.nn.Conv2d(16, 32, 3, stride=2, padding=1),
    torch.nn.ReLU(),
    torch.nn.Flatten(),
    torch.nn.Linear(32 * (size_px // 4) ** 2, len(train.classes)),
)
optimiser = torch.optim.Adam(model.parameters(), 1e-3)
loss_of = torch.nn.CrossEntropyLoss()
for epoch in range(epochs):
    sampler.set_epoch(epoch)
    for pictures, targets in batches:
        loss = loss_of(model(pictures / 255), targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    print("epoch", epoch + 1, "loss", round(loss.item(), 3))

# %%
right = torch.zeros(len(train.classes))
with torch.no_grad():
    for pictures, targets in DataLoader(test, batch_size=64):
        hits = model(pictures / 255).argmax(dim=1) == targets
        right += torch.bincount(targets[hits], minlength=len(right))
sizes = torch.bincount(test.targets, minlength=len(right))
for name, hit, size in zip(test.classes, right.int().tolist(), sizes.tolist(), strict=True):
    print(f"{name:20} {hit} of {size}")
