"""Scores of speech-text models: tasks put to a model item by item, intervals, tables, comparison."""
