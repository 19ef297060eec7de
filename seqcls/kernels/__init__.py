"""Numerics written by hand where PyTorch is slower on processors; each has the same result as PyTorch's own.

SEQCLS_PLAIN=1 switches them all off (switch.py).
"""
