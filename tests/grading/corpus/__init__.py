"""Hostile, broken and honest submissions, and what a right grader gives for each of them.

`write` makes a folder of submissions for notebook 01 or the worked example: the kinds of trouble that every
grader meets (`kinds`), attacks on the design of this one (`channel`, `lies`, `escapes`), and files that are
tampered with (`files`). Payloads are harmless by themselves and bounded: at most 60 processes that sleep,
4 GB, the loopback network only. All the same, they belong in a box.
"""
