# %% [markdown]
# # Stream covers with WebDataset
#
# The pipeline reads the covers' files; of shards that `equigen export webdataset` made, only its
# first line would be another one.

# %%
import sys
from collections import Counter
from pathlib import Path

import equigen

folder = Path(sys.argv[1] if sys.argv[1:] else "equigen_demo")

# %%
with equigen.open(folder) as dataset:
    train = dataset.webdataset("train", seed=0)
samples = train.decode("rgb8").to_tuple("jpg", "cls", "json")

# %%
seen = Counter()
for picture, _, album in samples:
    seen[album["label_name"]] += 1
print("the last cover has", picture.shape, "values; an epoch has", dict(seen))
