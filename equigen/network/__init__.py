"""What lies between the HTTP client and a host: http.py is the door."""
