"""What benchmarks are made of: pictures, a web server, the tools that compete, and a stopwatch."""
