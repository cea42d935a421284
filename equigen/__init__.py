"""EquiGen: genre-balanced album-cover datasets that can be trusted for machine learning."""

__version__ = "0.1.0"
