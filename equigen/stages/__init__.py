"""One file, one command: a stage reads files, asks rules and sources, writes files.

A stage is a module with a function `run(context, ...) -> Summary`, found by its file name. Its
docstring is the command's help, `ORDER` its place among the commands, `SETTINGS` names the settings
that are flags of the command, and the other parameters of `run` are flags of its own.
"""
