"""Key Object Selection Documents of several writers; `make.py` writes those of our own."""
