"""Unite names that stand for the same thing: one union-find for artists, groups and covers."""


class DisjointSets:
    """Union-find over names or numbers, with path halving."""

    def __init__(self) -> None:
        self._numbers: dict[str | int, int] = {}
        self._parents: list[int] = []

    def root(self, name: str | int) -> int:
        """Return the number of the set that has a name; a new name is a set of its own."""
        parents = self._parents
        number = self._numbers.setdefault(name, len(parents))
        if number == len(parents):
            parents.append(number)
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    def join(self, one: str | int, other: str | int) -> bool:
        """Unite the sets of two names, and tell whether they were apart."""
        root, other_root = self.root(one), self.root(other)
        self._parents[other_root] = root
        return root != other_root
