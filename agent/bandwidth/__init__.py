"""The rate-measurement engine: how fast a line is, how sure that is, and what limited it.

Start at `engine.measure`. `estimator` and `verdict` are pure and hold the judgement; `transfer`
moves bytes; `docs/measuring.md` explains the method.
"""
