"""YAML files of people, read and written in one way.

`load` reads a file into a struct, or reports every error in it at once: `tree` (bytes to nodes with
lines, bounded) -> `decode` and `scalars` (nodes to plain data, directed by the struct's types; `describe`
says what a type wants) -> judges of the caller's, who walk `plain` data -> `convert`. All report into
`report`, in the words of `problems`. `options` judges what only a kind of probe or channel understands.
`write` is the way back.
"""
