"""The reproduction of Hinns & Martens 2025: rendered data sets, studies, claims."""

from __future__ import annotations
