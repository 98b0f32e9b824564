"""Tables and plots, made from the file of results alone."""
