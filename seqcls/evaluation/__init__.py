"""How good a model is: `metrics`, `intervals`, `baselines` beside it, `report/` for people; `evaluate` is the stage."""
