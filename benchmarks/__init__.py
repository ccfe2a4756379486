"""Side by side with the peers: the same bytes, in turn, in one run (``make bench``)."""
