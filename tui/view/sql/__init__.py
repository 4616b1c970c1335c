"""The parts of the SQL screen: editor, completion, cells, and the list of queries."""
