"""Open dumps of Discogs and MusicBrainz: find, download, parse and index them."""
