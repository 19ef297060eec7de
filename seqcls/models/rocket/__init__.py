"""Random convolutions of a series and a ridge classifier over them: `network` is the family, the rest its parts."""
