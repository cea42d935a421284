"""Commands made of stages: like a stage, but `run` yields a summary after each stage it ran.

Stages don't know of each other; a recipe is handed `stage(name)`, which returns the function that
runs one.
"""
