"""Artists, albums and pictures: one notion of identity each."""
