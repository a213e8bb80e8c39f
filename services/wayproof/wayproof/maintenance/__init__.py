"""The process behind `wayproof store maintain`: keeps the store as readings come and grow old.

`rounds` does all there is to do once, each step in a transaction of its own; `worker` does it every hour. Everything
else works without it for four weeks: until then there are tables for what comes.
"""
