"""The stages, each a checklist of what happens: prepare, train, evaluate, explain, predict, report.

Imports stand inside the functions, so that a stage pays only for what it uses: torch, timm and
Lightning take seconds.
"""
