"""Networks, the families that make them, and the artefact that keeps them."""
