"""What people and the clock start: binding, amending, accounts, looks, footage. Each action is one transaction."""
