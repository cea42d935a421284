"""What is known of one picture, and how two are told to be one: images.py is the door."""
