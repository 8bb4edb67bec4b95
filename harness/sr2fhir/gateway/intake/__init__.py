"""Where objects come in: C-STORE (`dimse`), STOW-RS (`stow`), an archive (`archive`), a folder (`folder`).

Each receives an object into a file of the store and has the store accept it. Only what the store has accepted
is answered, marked or moved as received.
"""
