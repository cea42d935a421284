"""Identities of artists, albums and pictures: one notion each, used by all stages."""
