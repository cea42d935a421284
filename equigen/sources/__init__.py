"""Sources of albums, one file each."""
