# %% [markdown]
# # Use covers with Hugging Face's datasets
#
# Pictures stay where they are; columns have their types, and `label` is a ClassLabel.

# %%
import sys
from pathlib import Path

import equigen

folder = Path(sys.argv[1] if sys.argv[1:] else "equigen_demo")

# %%
with equigen.open(folder) as dataset:
    sets = dataset.huggingface()
print(sets)
print("classes:", sets["train"].features["label"].names)


# %%
def brightness(album: dict) -> dict:
    return {"brightness": sum(album["image"].convert("L").histogram()[128:])}


dated = sets["test"].filter(lambda year: year is not None, input_columns="year")
print(len(dated), "covers with a year:", dated.map(brightness)["brightness"][:3])
