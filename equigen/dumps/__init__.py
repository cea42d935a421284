"""The open dumps of Discogs and MusicBrainz: found, fetched, read and indexed."""
