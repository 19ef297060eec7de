"""A bag of n-grams with one linear layer: `network` is the family, the rest its parts."""
