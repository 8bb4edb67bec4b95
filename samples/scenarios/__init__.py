"""Five clinical scenarios as Measurement Reports; `make.py` writes them."""
