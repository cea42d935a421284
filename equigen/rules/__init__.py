"""Pure decisions: values in, values out; no files, clocks, network or terminal."""
