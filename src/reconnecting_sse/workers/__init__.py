"""Workers: the loop around a handler, over a source. They know it as its users do."""
