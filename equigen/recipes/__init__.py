"""Recipes: datasets without their pictures, and how they are built again."""
