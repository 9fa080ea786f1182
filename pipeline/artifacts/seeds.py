"""Seed masks as a file: ``data/grabcut/<dataset>.h5``."""

SCHEMA = "grabcut/1"
