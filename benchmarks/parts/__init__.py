"""What is measured: each module measures one part, `measure`, and words it as a table, `table`."""
