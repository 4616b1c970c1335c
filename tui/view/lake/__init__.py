"""The parts of the Iceberg screen: what is looked at, the panes, their texts."""
