"""What is kept on disk: artefacts named by their content, written whole or not at all."""
