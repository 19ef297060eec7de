"""The machine's processors: how many we may use, how our threads wait for each other, how busy the machine is.

Standard library only: some of this must run before any numerical library is imported.
"""
