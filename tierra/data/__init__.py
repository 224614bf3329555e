"""Sources, snapshots, joins, the contract, features and the split."""
