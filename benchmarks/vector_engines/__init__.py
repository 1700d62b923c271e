"""Ways to find the nearest vectors, this project's and others', behind one small protocol.

Each runs in processes of its own: one that builds and stores, one that loads and is asked. So its
memory is measured without another's, and one that crashes is set aside alone.
"""
