"""The origins of albums, one file each."""
