"""What keeps a project in order: doctor, repair of the ledger, clearing away."""
