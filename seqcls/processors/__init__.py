"""The machine's processors: how many are ours, how our threads wait for each other, how busy others keep them.

Standard library only: some of it has to be done before anything that computes is imported.
"""
