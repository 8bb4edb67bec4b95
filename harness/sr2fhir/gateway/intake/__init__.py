"""Where objects come in: C-STORE (`dimse`), an archive with QIDO-RS and WADO-RS (`archive`), a `folder`.

Each receives an object into a file of the store and has the store accept it. Only what the store has accepted
is answered, marked or moved as received.
"""
