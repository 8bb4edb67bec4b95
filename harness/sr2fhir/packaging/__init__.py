"""How a Bundle travels: the forms in which it is written and sent."""
